"""When a new slot may be relied on: `wait_until_visible`, and the proof that nothing is lost.

A slot streams every transaction whose commit record lies after its consistent point C. A
transaction T whose commit record lies before C must be read from the log, but may not be visible to
queries yet. It becomes visible when its backend leaves the array of running transactions, after its
flush and after the answer of a synchronous standby, which can take forever. So `reader` relies on a
slot only after the barrier has been passed. Claim: every such T is then visible to every later
query of the log, on the server that answered here. Not streamed implies visible.

If the log is read on a primary: T had its xid before it wrote its commit record, so before the slot
was created, so before `horizon` took an xid H of its own. Hence T < H, because xids (64 bits wide,
no wraparound) are assigned in order. `reached` sees a snapshot whose xmin is above H, and below
xmin every transaction has left the array (Postgres manual, "Transaction ID and Snapshot Information
Functions"). T is among them, and committed. It terminates: H rolls back at once, so xmin passes H
when the older transactions have ended. Slots are created only after a wait of the same kind.

It is not sufficient to wait for the transactions that a first snapshot lists as running. It lists
those below its xmax, and xmax is the latest COMPLETED xid + 1: a T that waits for a standby while
no younger transaction has ended is at or above xmax, and not in the list.

If the log is read on a hot standby: no xid can be assigned there and none is needed. T becomes
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
# Between two checks of what a slot waits for. Each may be a log line, so they become rare.
TELL_FIRST: Final = 1.0
TELL_LAST: Final = 60.0


async def wait_until_visible(log: LogSource, consistent_point: LSN) -> None:
    """Return when the log shows every commit that lies before this position.

    May take as long as the longest running transaction. Raises the log's errors.
    """
    pause = PAUSE_FIRST
    try:
        horizon = await log.horizon(consistent_point)
        while not await log.reached(horizon):
            await anyio.sleep(pause)
            pause = min(pause * 2, PAUSE_LAST)
    except AbloError as exc:  # not to be mistaken for an answer of the replication connection
        told = f"The visible part of the log cannot be read: {exc.message}"
        raise error_for(exc.code, told, remedy=exc.remedy) from exc


async def tell_waiting(log: LogSource, say: Callable[[str], None]) -> None:
    """Report from time to time which transaction a new slot waits for, until cancelled."""
    pause = TELL_FIRST
    while True:
        await anyio.sleep(pause)
        try:
            say(f"{WAITING}: {await log.oldest()}")
        except AbloError as exc:
            logger.debug("the database cannot be asked what a slot waits for: %s", exc)
        pause = min(pause * 2, TELL_LAST)
