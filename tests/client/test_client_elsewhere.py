"""A client in a forked child, a second event loop, another thread: it works, or refuses at once.

A call that waits there would wait for a thread or a loop that is not there, past any deadline.
"""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from ablo_pg import Ablo, AbloValidationError, AsyncAblo

from .conftest import SCHEMA, MakeSync, Place
from .shared import own_organization, shared, shared_db, shared_relay  # noqa: F401 - fixtures

CHILD_SECONDS = 40


def in_a_child(work: Callable[[], Any]) -> str:
    """Do it in a forked child; return what it said: ok, its error's code, or `hangs`."""
    said, says = os.pipe()
    with warnings.catch_warnings():  # from 3.12 on Python warns of a fork beside threads
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(CHILD_SECONDS)
        try:
            work()
            answer = "ok"
        except BaseException as exc:
            answer = f"{getattr(exc, 'code', type(exc).__name__)}: {exc}"
        os.write(says, answer.encode())
        os._exit(0)
    os.close(says)
    with os.fdopen(said) as pipe:
        answer = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return "hangs" if status == -signal.SIGALRM else answer


def refused(answer: str) -> bool:
    return answer.startswith("invalid_options: ") and "each process" in answer


def test_a_used_client_refuses_calls_in_a_forked_child_and_serves_its_parent(
    sync_ablo: Ablo,
) -> None:
    ablo = sync_ablo
    task = ablo.tasks.create({"title": "by the parent"})
    with ablo.tasks.subscribe() as changes:
        for work in (
            ablo.tasks.list,
            lambda: ablo.tasks.update(task.id, {"title": "x"}),
            lambda: ablo.tasks.update(task.id, lambda row: {"title": row.title}),
            lambda: ablo.tasks.claim(id=task.id),
            ablo.ready,
            lambda: next(changes),
            ablo.tasks.subscribe().__enter__,
        ):
            assert refused(in_a_child(work))
        assert in_a_child(ablo.close) == "ok"
        assert in_a_child(changes.close) == "ok"
        ablo.tasks.update(task.id, {"title": "still the parent's"})
        assert next(changes).row.title == "still the parent's"


def test_a_claim_of_the_parent_is_not_given_back_by_a_child(sync_ablo: Ablo) -> None:
    task = sync_ablo.tasks.create({"title": "a"})
    with sync_ablo.tasks.claim(id=task.id) as claim:
        assert in_a_child(sync_ablo.close) == "ok"
        assert sync_ablo.tasks.claim.state(task.id) is not None
        assert not claim.lost.is_set()


def test_a_child_leaves_a_claims_block_with_its_own_exit_code(sync_ablo: Ablo) -> None:
    task = sync_ablo.tasks.create({"title": "a"})

    def leave() -> None:
        with claiming:
            sys.exit(3)

    with sync_ablo.tasks.claim(id=task.id) as claiming:
        assert in_a_child(leave) == "3: 3"
        assert sync_ablo.tasks.claim.state(task.id) is not None


FORKS = """
import os, signal, sys, threading, time
from ablo_pg import Ablo, define_schema, Model
class Task(Model):
    title: str
def client():
    return Ablo(schema=define_schema(tasks=Task), timeout=30, **{place!r})
first = client()
threading.Thread(target=first.tasks.list, daemon=True).start()
time.sleep({seconds})
child = os.fork()
if child == 0:
    signal.alarm({patience})
    client().tasks.list()
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 127)
"""


@pytest.mark.timeout(4 * CHILD_SECONDS)  # four programs, whose alarms report a child that hangs
def test_a_fork_beside_a_first_call_leaves_its_child_able_to_call(
    place: Place, sync_ablo: Ablo
) -> None:
    """What a first call imports, in its thread, would stay locked in the child."""
    for step in range(4):
        program = FORKS.format(place=place(), seconds=step * 0.008, patience=CHILD_SECONDS)
        ended = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, timeout=60, check=False
        )
        assert ended.returncode == 0, (step, ended.stderr)


@pytest.mark.parametrize("kind", [Ablo, AsyncAblo])
def test_a_client_is_not_passed_to_another_process(kind: Any, place: Place) -> None:
    ablo = kind(schema=SCHEMA, **place())
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(AbloValidationError, match="another process") as caught:
            attempt(ablo)
        assert "make a client there" in (caught.value.remedy or "")


def test_a_client_that_was_not_used_yet_works_in_each_child(place: Place, sync_ablo: Ablo) -> None:
    """As under a pre-forking server that imports the program first."""
    ablo = Ablo(schema=SCHEMA, timeout=30, **place())
    try:
        for name in ("first", "second"):
            assert in_a_child(lambda name=name: ablo.tasks.create({"title": name})) == "ok"  # type: ignore[misc]
        ablo.tasks.create({"title": "parent"})
        assert {task.title for task in sync_ablo.tasks.list()} == {"first", "second", "parent"}
    finally:
        ablo.close()


def test_an_async_client_in_a_forked_child(place: Place) -> None:
    async def use(ablo: AsyncAblo) -> None:
        await ablo.tasks.list()

    ablo = AsyncAblo(schema=SCHEMA, timeout=30, **place())
    loop = asyncio.new_event_loop()
    try:
        assert in_a_child(lambda: asyncio.run(use(ablo))) == "ok"
        loop.run_until_complete(use(ablo))
        assert refused(in_a_child(lambda: asyncio.run(use(ablo))))
        assert in_a_child(lambda: asyncio.run(ablo.close())) == "ok"
        loop.run_until_complete(use(ablo))
    finally:
        loop.run_until_complete(ablo.close())
        loop.close()


def test_a_second_event_loop_is_refused_with_the_reason(place: Place) -> None:
    ablo = AsyncAblo(schema=SCHEMA, timeout=30, **place())
    changes = ablo.tasks.subscribe()

    async def begin() -> None:
        await changes.__aenter__()
        await ablo.tasks.create({"title": "a"})

    async def use(work: Callable[[], Any]) -> str:
        with pytest.raises(AbloValidationError) as caught:
            await asyncio.wait_for(work(), 30)
        return f"{caught.value.code}: {caught.value}"

    first = asyncio.new_event_loop()
    first.run_until_complete(begin())
    for work in (ablo.tasks.list, ablo.ready, changes.batch, ablo.tasks.subscribe().__aenter__):
        told = asyncio.run(use(work))
        assert "another event loop" in told
        assert "ended" not in told
    asyncio.run(ablo.close())  # leaves all of it to the loop that it belongs to
    first.run_until_complete(ablo.tasks.create({"title": "b"}))
    first.run_until_complete(ablo.close())
    first.close()
    assert "which ended" in asyncio.run(use(ablo.tasks.list))


@pytest.mark.anyio
async def test_another_threads_event_loop_is_refused(ablo: AsyncAblo) -> None:
    await ablo.tasks.list()
    told: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(ablo.tasks.list())
        except AbloValidationError as exc:
            told.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    await asyncio.to_thread(thread.join)
    assert "another event loop" in str(told[0])


def test_a_call_without_asyncio_says_so(place: Place) -> None:
    """As under trio."""
    ablo = AsyncAblo(schema=SCHEMA, **place())
    for call in (ablo.tasks.list, ablo.ready, lambda: ablo.tasks.create({"title": "a"})):
        with pytest.raises(AbloValidationError, match="needs one"):
            call().send(None)


def test_other_event_loops_than_asyncios_own(place: Place) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def work() -> None:
        async with AsyncAblo(schema=SCHEMA, timeout=30, **place()) as ablo:
            task = await ablo.tasks.create({"title": "a"})
            async with ablo.tasks.subscribe() as changes, ablo.tasks.claim(id=task.id):
                await ablo.tasks.update(task.id, {"title": "b"})
                async for change in changes:
                    assert change.row.title == "b"
                    return

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(work(), 30))


UNCLOSED = """
import sys
from ablo_pg import {kind}, define_schema, Model
class Task(Model):
    title: str
schema = define_schema(tasks=Task)
ablo = {kind}(schema=schema, timeout=30, **{place!r})
{body}
print("done")
"""
SYNC = """
ablo.tasks.list(limit=1)
changes = ablo.tasks.subscribe(); changes.__enter__()
handle = ablo.on_change(print)
"""
ASYNC = """
import asyncio
async def work():
    await ablo.tasks.list(limit=1)
    await ablo.tasks.subscribe().__aenter__()
asyncio.run(work())
"""


@pytest.mark.parametrize(("kind", "body"), [("Ablo", SYNC), ("AsyncAblo", ASYNC)])
def test_a_program_that_forgets_to_close_its_client_ends(
    place: Place, make_sync: MakeSync, kind: str, body: str
) -> None:
    program = UNCLOSED.format(kind=kind, place=place(), body=body)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "done\n"), ended.stderr
    assert "Traceback" not in ended.stderr, ended.stderr
