"""Tables as files describe them: a dump or migration in SQL, a Prisma schema, a Drizzle schema.

Flow: text -> `sql`, `prisma` or `drizzle` -> `draft` (tables under construction) -> the facts that
`db.tables` reads from a catalogue -> `pull`. Pure: no database, and no file is opened here.
"""

from ablo_pg.kernel.described.draft import Described, Skipped
from ablo_pg.kernel.described.drizzle import read_drizzle
from ablo_pg.kernel.described.prisma import read_prisma
from ablo_pg.kernel.described.sql import read_sql

__all__ = ["Described", "Skipped", "read_drizzle", "read_prisma", "read_sql"]
