"""One writer of the demo, as a process: `python -m ablo_pg.cli.demo.writer PARTICIPANT SECONDS`.

It uses only the public client. DATABASE_URL comes from the environment.
"""

from __future__ import annotations

import random
import sys
from typing import Final, Literal

import anyio

from ablo_pg import AbloStaleContextError, AsyncAblo, Operation
from ablo_pg.cli.demo.messages import (
    Refused,
    Retried,
    Wrote,
    now,
    run_child,
    tell,
    while_parent_lives,
)
from ablo_pg.cli.demo.schema import ORGANIZATION, SHARED, Task, schema

PACE: Final = 0.08  # seconds between rounds, so that a person can follow
Action = Literal["create", "update", "delete"]
TITLES: Final = ("Write the offer", "Call the bank", "Fix the leak", "Plan the trip", "Pay rent")


async def write_for(participant: str, seconds: float) -> None:
    """Work for so many seconds: new tasks, edits of them, guarded edits of the shared task."""
    async with AsyncAblo(schema=schema, organization=ORGANIZATION, participant=participant) as ablo:
        await ablo.ready()
        number = 0
        async with while_parent_lives():
            with anyio.move_on_after(seconds):
                while True:
                    number += 1
                    # A commit in flight is finished, so that the outcome of every write is known.
                    with anyio.CancelScope(shield=True):
                        await one_round(ablo, f"{participant.partition(':')[2]}-{number}")
                    await anyio.sleep(PACE * random.uniform(0.5, 1.5))


async def one_round(ablo: AsyncAblo, row_id: str) -> None:
    """Create a task, edit it, count up the shared one, and sometimes delete or retry."""
    await confirmed(ablo, "create", row_id, {"title": random.choice(TITLES), "status": "todo"})
    await confirmed(ablo, "update", row_id, {"status": random.choice(["doing", "done"])})
    await count_up(ablo)
    if random.random() < 0.2:
        await confirmed(ablo, "delete", row_id, None)


async def confirmed(
    ablo: AsyncAblo, action: Action, row_id: str, data: dict[str, object] | None
) -> None:
    """Commit one operation and report it; one in five is sent again under the same key."""
    key = f"{row_id}:{action}"
    operation = Operation(action, "tasks", row_id, data)
    sent = now()
    receipt = await ablo.commits.create([operation], idempotency_key=key)
    tell(Wrote(receipt.last_sync_id, action, row_id, sent))
    if random.random() < 0.2:
        again = await ablo.commits.create([operation], idempotency_key=key)
        tell(Retried(again.last_sync_id))


async def count_up(ablo: AsyncAblo) -> None:
    """Add one to the shared task, from the value read; read again if it changed meanwhile."""
    tasks = ablo.model(Task)
    while True:
        snapshot = await ablo.snapshot(tasks=SHARED)
        task = snapshot.tasks[SHARED]
        await anyio.sleep(random.uniform(0, 0.004))  # thinking
        sent = now()
        try:
            written = await tasks.update(
                SHARED, {"edits": task.edits + 1}, read_at=snapshot.stamp, on_stale="reject"
            )
        except AbloStaleContextError:
            tell(Refused(SHARED))
            continue
        receipt = ablo.receipt(written)
        assert receipt is not None  # a row returned by a write has one
        tell(Wrote(receipt.last_sync_id, "update", SHARED, sent))
        return


if __name__ == "__main__":
    run_child(write_for, sys.argv[1], float(sys.argv[2]))
