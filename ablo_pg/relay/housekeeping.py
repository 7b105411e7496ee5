"""Keeping the kernel's own tables small: receipts, ended claims, forgotten tracks.

Any number of relays may do it on one database: they find each other at it, and one at a time does.
"""

from __future__ import annotations

import logging
from typing import Final

import anyio

from ablo_pg.db import routines
from ablo_pg.db.pool import Database
from ablo_pg.errors import AbloError

logger: Final = logging.getLogger("ablo_pg.relay")

EVERY_SECONDS: Final = 60.0
# Rows of a kind in one transaction. Small, so that no commit waits for long on what it writes.
AT_ONCE: Final = 2000


async def keep_house(database: Database, every: float = EVERY_SECONDS) -> None:
    """Forget what has had its time, again and again, until cancelled."""
    while True:
        try:
            most = AT_ONCE
            while most >= AT_ONCE:
                most = await database.run(routines.housekeep, AT_ONCE)
        except AbloError as exc:
            logger.warning("housekeeping waits: %s", exc)
        await anyio.sleep(every)
