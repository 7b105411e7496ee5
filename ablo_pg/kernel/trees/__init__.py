"""SQL expressions as trees: whether two spellings mean the same. Pure; sqlglot is imported lazily.

Flow: text (of the compiler, a dump, or `pg_get_expr`) -> `reading` (one normal form, with the casts
that Postgres adds) -> `comparing`: equal, different or unknown. `constants` holds values and types.
"""

from ablo_pg.kernel.trees.comparing import Verdict, compare, compare_checks
from ablo_pg.kernel.trees.reading import NotReadError, check_of, read
from ablo_pg.kernel.trees.tree import Node, Types

__all__ = [
    "Node",
    "NotReadError",
    "Types",
    "Verdict",
    "check_of",
    "compare",
    "compare_checks",
    "read",
]
