"""A command that ^C ends exits with 130, whatever else fails on the way out."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import anyio
import psycopg
import pytest

from ablo_pg.cli.demo import run as demo
from ablo_pg.cli.main import cli, main, run
from ablo_pg.errors import AbloServerError

Interrupt = Callable[[], None]


@pytest.fixture(autouse=True)
def interruptible() -> Any:
    """A program that was started in the background ignores ^C, and so does pytest then."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    then = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGINT, before)
    signal.signal(signal.SIGTERM, then)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


async def ends_at_once() -> None:
    interrupt()
    await anyio.sleep_forever()


async def is_cancelled_twice() -> None:
    task = asyncio.current_task()
    assert task is not None
    interrupt()
    task.cancel()
    await anyio.sleep_forever()


async def fails_meanwhile() -> None:
    """A task that is ended with it calls that a failure."""

    async def child() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise AbloServerError("the writer has ended")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(child)
        await anyio.wait_all_tasks_blocked()
        await ends_at_once()


def command(monkeypatch: pytest.MonkeyPatch, work: Callable[..., Any]) -> int:
    """Run a command that does this; return its exit code."""
    monkeypatch.setattr(cli, "invoke", lambda context: work())
    return run(["demo"])


@pytest.mark.parametrize("work", [ends_at_once, is_cancelled_twice])
def test_its_task_is_cancelled(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]) -> None:
    assert command(monkeypatch, lambda: anyio.run(work)) == 130


@pytest.mark.parametrize("work", [ends_at_once, is_cancelled_twice, fails_meanwhile])
def test_the_demo(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]) -> None:
    async def stream(*arguments: Any) -> None:
        await work()

    monkeypatch.setattr(demo, "stream", stream)
    nothing: Any = None
    assert command(monkeypatch, lambda: demo.run_streaming(nothing, 1, nothing)) == 130


@pytest.mark.parametrize("failure", [AbloServerError("pg_ctl failed"), psycopg.Error("gone")])
def test_what_cleans_up_fails(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is shown: something may have been left behind."""

    def work() -> NoReturn:
        try:
            interrupt()
            raise AssertionError("not interrupted")
        finally:
            raise failure

    assert command(monkeypatch, work) == 130
    assert "error: " in capsys.readouterr().err


def test_a_failure_of_its_own_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stream(*arguments: Any) -> None:
        raise AbloServerError("the writer has ended")

    monkeypatch.setattr(demo, "stream", stream)
    nothing: Any = None
    assert command(monkeypatch, lambda: demo.run_streaming(nothing, 1, nothing)) == 1


async def ended_in_a_background_task() -> None:
    """Its group makes an exception group of any exception, which ends nothing but the task."""

    async def background() -> None:
        async with anyio.create_task_group():
            os.kill(os.getpid(), signal.SIGTERM)
            await anyio.sleep_forever()

    task = asyncio.ensure_future(background())
    with anyio.fail_after(5):
        await asyncio.wait([task])
        await anyio.sleep_forever()


def blocked() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    raise AssertionError("not ended")


@pytest.mark.parametrize("work", [lambda: anyio.run(ended_in_a_background_task), blocked])
def test_termination(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, work: Interrupt) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "invoke", lambda context: work())
    with pytest.raises(SystemExit) as ended:
        main(["demo"])
    assert ended.value.code == 128 + signal.SIGTERM


def test_termination_where_interrupts_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    test_termination(monkeypatch, tmp_path, blocked)
