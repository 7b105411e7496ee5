"""A delta: one committed row change, as `ablo.delta` stores it and every reader hands it on.

`relay.pgoutput` and the log's catch-up query both produce it; the hub routes it; clients and the
wire layer spell it. The row stays the bytes that Postgres made: whoever needs values parses them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Op = Literal["I", "U", "D", "A", "V"]

OP_NAMES: Final[dict[str, str]] = {
    "I": "create",
    "U": "update",
    "D": "delete",
    "A": "archive",
    "V": "unarchive",
}


@dataclass(frozen=True, slots=True)
class Delta:
    """One row of the log.

    sync_id: position in the organization's order. row: the whole row after the change as JSON
    bytes (camelCase keys), None for a delete. changed: wire names of the fields an update changed.
    groups: the sync groups it is delivered to. actor: `kind:id`. created_at: ISO 8601, UTC.
    xid: the writing transaction.
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
