"""Keeps the kernel's own tables small: receipts, ended claims, expired tracks.

Any number of relays may run it on one database; a lock lets one work at a time.
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
# Rows of a kind in one transaction. Small, so that no commit waits long for its locks.
AT_ONCE: Final = 2000


async def keep_house(database: Database, every: float = EVERY_SECONDS) -> None:
    """Delete what has expired, repeatedly, until cancelled."""
    while True:
        try:
            most = AT_ONCE
            while most >= AT_ONCE:
                most = await database.run(routines.housekeep, AT_ONCE)
        except AbloError as exc:
            logger.warning("housekeeping waits: %s", exc)
        await anyio.sleep(every)
