"""A relay that stands still beside one that goes on, and schemas pushed while rows are written."""

from __future__ import annotations

import signal
from pathlib import Path

import anyio
import pytest

from ablo_pg import Model, define_schema
from ablo_pg.kernel.push import push_schema
from ablo_pg.schema.pushing import PushOptions
from ablo_pg.testing import DatabaseHandle

from .load import wait_a_while
from .relays import PROGRAM
from .trial import Trial, run_trial

# Much more than a trial takes: a false alarm on a busy machine says nothing.
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]


TWO = (PROGRAM, PROGRAM)


async def stood_still(trial: Trial, seconds: float) -> None:
    await trial.flow()
    stopped = trial.relays[0]
    stopped.send(signal.SIGSTOP)
    try:
        await trial.flow()  # everybody's: who was on the one that stands still goes to the other
        await wait_a_while(seconds)  # how long it stands still is the fault
    finally:
        stopped.send(signal.SIGCONT)
    await trial.flow()


async def test_one_of_two_relays_stands_still(db: DatabaseHandle, tmp_path: Path) -> None:
    trial = await run_trial(db, tmp_path, lambda trial: stood_still(trial, 2), programs=TWO)
    assert trial.wrong == []


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_one_of_two_relays_stands_still_for_a_minute(
    db: DatabaseHandle, tmp_path: Path
) -> None:
    trial = await run_trial(db, tmp_path, lambda trial: stood_still(trial, 60), programs=TWO)
    assert trial.wrong == []


class Wider(Model):
    title: str
    note: str | None = None


class Widest(Model):
    title: str
    note: str | None = None
    size: float | None = None


class Other(Model):
    text: str


async def pushed(trial: Trial) -> None:
    for schema in (define_schema(tasks=Wider), define_schema(tasks=Widest, others=Other)):
        await trial.flow()
        arguments = (trial.db.admin_url, schema.spec, PushOptions())
        await anyio.to_thread.run_sync(push_schema, *arguments)


async def test_schemas_pushed_under_load(db: DatabaseHandle, tmp_path: Path) -> None:
    trial = await run_trial(db, tmp_path, pushed)
    assert trial.wrong == []
