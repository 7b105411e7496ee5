"""The points at which a commit can stand still: what somebody else holds there, in commit order.

Between two neighbours a commit runs without waiting, so killing it at each of them, and once when
it has returned but is not yet committed, covers every moment between two statements.
"""

from __future__ import annotations

from typing import Final

from ..board import Json, create, op, update

KEY: Final = "k"
# Touches three rows, so that some are written when it stands still at the next.
OPERATIONS: Final[list[Json]] = [update("t1", count=1), create("t2"), op("delete", "tasks", "t3")]

_TASK: Final = "select from tasks where organization_id = '{org}' and id = '%s' for update"
STAGES: Final[dict[str, str]] = {
    "its key": """select pg_advisory_xact_lock(
        ablo.idempotency_key('{org}', 'agent:triage', 'k'))""",
    "the first row": _TASK % "t1",
    "an id that is being taken": """insert into tasks (organization_id, id, title, status, count)
        values ('{org}', 't2', 'x', 'todo', 0)""",
    "the last row": _TASK % "t3",
    "the order lock": "select pg_advisory_xact_lock(ablo.order_key('{org}'))",
    "its receipt": """insert into ablo.receipt values
        ('{org}', 'agent:triage', 'k', 0, '{}', 0, now())""",
}
