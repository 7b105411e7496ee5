"""kill -9 of the relay under load, again and again; another is started in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablo_pg.testing import DatabaseHandle

from .trial import Trial, run_trial

# Much more than a trial takes: a false alarm on a busy machine says nothing.
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]


async def killed(trial: Trial, times: int) -> None:
    for _ in range(times):
        await trial.flow()
        async with trial.coming_back():
            trial.relays[0].kill()
            await trial.relays[0].start()


async def test_a_relay_killed_under_load(db: DatabaseHandle, tmp_path: Path) -> None:
    trial = await run_trial(db, tmp_path, lambda trial: killed(trial, 3))
    assert trial.wrong == []


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_relay_killed_forty_times(db: DatabaseHandle, tmp_path: Path) -> None:
    trial = await run_trial(db, tmp_path, lambda trial: killed(trial, 40))
    assert trial.wrong == []
