"""The demo's schema: tasks that a person and an agent work on."""

from __future__ import annotations

from typing import Final, Literal

from ablo_pg import Model, define_schema


class Task(Model):
    """One task; `edits` counts the edits by any participant."""

    title: str
    status: Literal["todo", "doing", "done"]
    edits: int = 0


schema = define_schema(tasks=Task)

ORGANIZATION: Final = "acme"
SHARED: Final = "shared-board"  # the row that both writers count up, each from its own read
