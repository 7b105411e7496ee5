"""When a new slot may be relied on: `wait_until_visible`, and why nothing is lost before it.

A slot streams every transaction whose commit record lies after its consistent point C. A
transaction T whose commit record lies before C is the log's to deliver, but no query may see it
yet: it becomes visible when its backend leaves the array of running transactions, after its flush
and after the answer of a synchronous standby, which can take for ever. So `reader` relies on a slot
only when the barrier has been passed. Claim: every such T is then visible to every later query of
the log, on the server that answered here. Not streamed implies visible.

Where the log is read on a primary. T had its xid before it wrote its commit record, so before the
slot was made, so before `horizon` took an xid H of its own: T < H, since xids (64 bits wide, no
wraparound) are handed out in order. `reached` sees a snapshot whose xmin is above H, and below xmin
every transaction has left the array (Postgres manual, "Transaction ID and Snapshot Information
Functions"). T is among them, and committed. It ends: H rolls back at once, so xmin passes H when
the older transactions have ended. Slots are made only after a wait of the same kind.

What does not do is to wait for the transactions that a first snapshot lists as running. It lists
those below its xmax, and xmax is the latest COMPLETED xid + 1: a T that waits for a standby while
nothing younger has ended is at or above xmax, and in no list.

Where the log is read on a hot standby. No xid can be assigned there and none is needed: T becomes
visible when the standby has replayed its commit record, which ends at C or before. `reached` sees a
replay position at or beyond C. This holds wherever the slot is, on this standby (PostgreSQL 16 and
later) or on the primary; and the rule for a primary holds for a slot on a standby.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import anyio

from ablo_pg.db.log import LogSource
from ablo_pg.errors import AbloError, error_for
from ablo_pg.lsn import LSN

logger: Final = logging.getLogger("ablo_pg.changefeed")

WAITING: Final = "waiting for a replication slot"
PAUSE_FIRST: Final = 0.002
PAUSE_LAST: Final = 0.1
# Between two looks at what a slot waits for. Each may be a line in the log, so they become rare.
TELL_FIRST: Final = 1.0
TELL_LAST: Final = 60.0


async def wait_until_visible(log: LogSource, consistent_point: LSN) -> None:
    """Return when the log shows every commit that lies before this position.

    May take as long as the longest transaction that is running. Raises what the log raises.
    """
    pause = PAUSE_FIRST
    try:
        horizon = await log.horizon(consistent_point)
        while not await log.reached(horizon):
            await anyio.sleep(pause)
            pause = min(pause * 2, PAUSE_LAST)
    except AbloError as exc:  # not to be taken for an answer of the replication connection
        told = f"The log cannot be asked what it shows: {exc.message}"
        raise error_for(exc.code, told, remedy=exc.remedy) from exc


async def tell_waiting(log: LogSource, say: Callable[[str], None]) -> None:
    """Say which transaction a new slot waits for, now and then, until cancelled."""
    pause = TELL_FIRST
    while True:
        await anyio.sleep(pause)
        try:
            say(f"{WAITING}: {await log.oldest()}")
        except AbloError as exc:
            logger.debug("the database cannot be asked what a slot waits for: %s", exc)
        pause = min(pause * 2, TELL_LAST)
