"""A delta: one committed row change, as `ablo.delta` stores it and every reader passes it on.

`changefeed.arrival` (the stream) and `db.log` (catch-up) both produce it; the hub routes it;
clients and the wire layer format it. The row stays the bytes that Postgres made; callers that need
values parse them.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Op = Literal["I", "U", "D", "A", "V"]

OP_NAMES: Final[dict[str, str]] = {
    "I": "create",
    "U": "update",
    "D": "delete",
    "A": "archive",
    "V": "unarchive",
}


class Delta(NamedTuple):
    """One row of the log.

    sync_id: position in the organization's order. row: the whole row after the change as JSON bytes
    (camelCase keys), None for a delete. changed: wire names of the fields an update changed.
    groups: the row's sync groups after the change, or before a delete. left_groups: those that the
    change removed it from. actor: `kind:id`. created_at: ISO 8601, UTC, in Postgres's JSON
    spelling. xid: the writing transaction. before: of an update the previous values of what
    changed, as JSON bytes like `row`; of a delete the whole old row; None for a create, for a model
    that does not keep it, and if an earlier release logged the change. entered_groups: of both,
    those whose keys may not have seen the old row.

    A named tuple because it is the cheapest frozen value to make, and one is made per row change.
    """

    sync_id: int
    organization_id: str
    model: str  # typename
    row_id: str
    op: Op
    groups: tuple[str, ...]
    row: bytes | None
    changed: tuple[str, ...]
    actor: str | None
    on_behalf_of: str | None
    capability_id: str | None
    claim_id: str | None
    transaction_id: str | None
    xid: int
    created_at: str
    left_groups: tuple[str, ...] = ()
    before: bytes | None = None
    entered_groups: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """About how many bytes of memory this delta holds; queues are bounded by the sum."""
        return _OVERHEAD + self.content

    @property
    def content(self) -> int:
        """How many bytes its row and its previous values have: what the kernel bounds a page by."""
        return len(self.row or b"") + len(self.before or b"")


# The columns of `ablo.delta`, in order: the log's contract with every reader. The login that wrote
# is not passed on.
COLUMNS: Final[tuple[str, ...]] = (*Delta._fields[:16], "login", *Delta._fields[16:])
_OVERHEAD: Final = 900  # measured with tracemalloc on a delta whose ids have 36 characters
