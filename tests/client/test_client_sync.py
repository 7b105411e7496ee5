"""The sync client does what the async one does, from any thread."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from ablo_pg import Ablo, AbloStaleContextError, AbloValidationError
from ablo_pg.testing import DatabaseHandle

from .conftest import Place
from .shared import own_organization, shared, shared_db, shared_relay  # noqa: F401 - fixtures


@pytest.fixture
def ablo(sync_ablo: Ablo) -> Ablo:
    return sync_ablo


def test_the_whole_round(ablo: Ablo) -> None:
    assert ablo.ready().ready
    task = ablo.tasks.create(data={"title": "Write", "status": "todo"})
    assert task.created_by == "user:ann"
    assert ablo.tasks.retrieve(id=task.id) == task
    assert ablo.tasks.list(where={"status": "todo"}, order_by="created_at", limit=20) == [task]
    task = ablo.tasks.update(id=task.id, data={"status": "done"}, wait="confirmed")
    snap = ablo.snapshot(tasks=task.id)
    task = ablo.tasks.update(id=task.id, data={"title": "x"}, read_at=snap.stamp)
    with pytest.raises(AbloStaleContextError):
        ablo.tasks.update(id=task.id, data={"title": "y"}, read_at=snap.stamp, on_stale="reject")
    assert ablo.tasks.archive(task.id).archived_at is not None
    assert ablo.tasks.unarchive(task.id).archived_at is None
    receipt = ablo.commits.create([{"action": "delete", "model": "tasks", "id": task.id}])
    assert receipt.ops == 1
    assert ablo.tasks.retrieve(task.id) is None


def test_threads_commit_together(ablo: Ablo) -> None:
    with ThreadPoolExecutor(16) as threads:
        rows = list(threads.map(lambda n: ablo.tasks.create({"title": str(n)}), range(64)))
    assert len({row.id for row in rows}) == 64
    assert len(ablo.tasks.list(limit=100)) == 64


@pytest.mark.direct("a relay is in nobody's transaction")
def test_a_blocking_transaction_is_joined_on_the_callers_thread(
    ablo: Ablo, db: DatabaseHandle
) -> None:
    operation = {"action": "create", "model": "tasks", "id": "t1", "data": {"title": "a"}}
    with psycopg.connect(db.database_url) as conn:
        ablo.commits.create([operation], connection=conn)
        conn.rollback()
        assert ablo.tasks.retrieve("t1") is None
        ablo.commits.create([operation], connection=conn)
    assert ablo.tasks.retrieve("t1") is not None


def test_unknown_models_are_attribute_errors(ablo: Ablo) -> None:
    with pytest.raises(AttributeError, match="did you mean 'tasks'") as caught:
        _ = ablo.taks
    assert isinstance(caught.value, AbloValidationError)
    assert "projects" in dir(ablo)
    assert ablo.model("tasks") is ablo.tasks


def test_close_ends_the_thread(place: Place, schema: Any) -> None:
    options = place("user:a")
    before = set(threading.enumerate())
    client = Ablo(schema=schema, **options)
    assert set(threading.enumerate()) == before
    client.tasks.list()
    assert set(threading.enumerate()) > before
    client.close()
    client.close()
    assert set(threading.enumerate()) == before
    with pytest.raises(AbloValidationError, match="closed"):
        client.tasks.list()


def test_a_program_that_forgets_to_close_still_ends(db: DatabaseHandle) -> None:
    program = (
        "import sys\n"
        "from ablo_pg import Ablo, define_schema, model\n"
        "schema = define_schema(projects=model(name=str))\n"
        "ablo = Ablo(schema=schema, database_url=sys.argv[1], organization='a',"
        " participant='user:a')\n"
        "print(len(ablo.projects.list()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, db.database_url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "0"), done.stderr


def test_changes_are_iterated_and_called_back(ablo: Ablo) -> None:
    called: list[str] = []
    enough = threading.Event()

    def callback(change: Any) -> None:
        ablo.tasks.retrieve(change.id)  # the client may be used inside; it may not see it yet
        called.append(change.row.title)
        if len(called) == 2:
            enough.set()

    handle = ablo.tasks.on_change(callback)
    with ablo.tasks.subscribe() as changes:
        ablo.tasks.create({"title": "a"})
        ablo.tasks.create({"title": "b"})
        assert [next(changes).row.title for _ in range(2)] == ["a", "b"]
        cursor = changes.cursor
    assert enough.wait(10)
    handle.close()
    assert called == ["a", "b"]
    assert cursor == handle.cursor
    with ablo.subscribe(cursor=0) as again:
        assert next(again).row.title == "a"


def test_a_coroutine_function_is_no_callback(ablo: Ablo) -> None:
    async def coroutine(change: Any) -> None: ...

    with pytest.raises(AbloValidationError, match="coroutine"):
        ablo.tasks.on_change(coroutine)  # type: ignore[arg-type]


def test_close_ends_a_loop_that_waits(ablo: Ablo) -> None:
    changes = ablo.tasks.subscribe()
    begun = threading.Event()
    seen: list[Any] = []

    def follow() -> None:
        with changes:
            begun.set()
            seen.extend(changes)

    thread = threading.Thread(target=follow)
    thread.start()
    assert begun.wait(10)
    changes.close()
    thread.join(30)
    assert not thread.is_alive()
    assert seen == []
