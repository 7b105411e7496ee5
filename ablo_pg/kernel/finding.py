"""What `fit` finds out about a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["problem", "warning", "addition"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about a model's table. `field` is a JSON name; `sql` would fix it."""

    level: Level
    message: str
    field: str | None = None
    sql: str | None = None
