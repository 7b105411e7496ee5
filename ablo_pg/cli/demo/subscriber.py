"""The demo's subscriber, as a process: it reports every change up to the last sync id.

`python -m ablo_pg.cli.demo.subscriber`, with DATABASE_URL and ABLO_REPLICATION_URL in the
environment. The last sync id arrives on stdin; end of file means that the parent died.
"""

from __future__ import annotations

import anyio

from ablo_pg import AsyncAblo, Change
from ablo_pg.cli.demo.messages import Reads, Saw, from_parent, now, run_child, tell
from ablo_pg.cli.demo.schema import ORGANIZATION, Task, schema


async def follow() -> None:
    """Report every existing and new change; end after the last one, which the parent names."""
    async with (
        AsyncAblo(schema=schema, organization=ORGANIZATION, participant="user:viewer") as ablo,
        ablo.model(Task).subscribe(cursor=0) as changes,
        anyio.create_task_group() as tasks,
    ):
        await wait_for_reader(ablo)
        last = Last()
        tasks.start_soon(wait_for_last, last, tasks.cancel_scope)
        async for change in changes:
            report(change)
            last.seen = change.sync_id
            if last.reached:
                break
        tasks.cancel_scope.cancel()
        tell(Reads(ablo.reader_status.kind))


class Last:
    """The sync id to stop at, once known, and the stream's position."""

    def __init__(self) -> None:
        self.wanted: int | None = None
        self.seen = 0

    @property
    def reached(self) -> bool:
        """Whether every written change has been seen."""
        return self.wanted is not None and self.seen >= self.wanted


async def wait_for_last(last: Last, scope: anyio.CancelScope) -> None:
    """Read the last sync id from stdin; stop if it has been seen already, or the parent is gone."""
    line = await from_parent()
    if line:
        last.wanted = int(line)
    if not line or last.reached:
        scope.cancel()


def report(change: Change[Task]) -> None:
    """Report one change to the parent."""
    row = None if change.row is None else change.row.model_dump(mode="json")
    actor = change.actor or ""
    tell(Saw(change.sync_id, change.op, change.id, actor, now(), row))


async def wait_for_reader(ablo: AsyncAblo) -> None:
    """Wait until the client reads the log, and return how it does."""
    while ablo.reader_status.kind == "none":  # noqa: ASYNC110 - a status has no event
        await anyio.sleep(0.02)
    tell(Reads(ablo.reader_status.kind))


if __name__ == "__main__":
    run_child(follow)
