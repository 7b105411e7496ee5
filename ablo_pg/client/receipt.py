"""What a commit returns, as frozen values made of the kernel's JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ablo_pg.db.errors import NO_NAMES, Names
from ablo_pg.db.results import RECEIPT, ReceiptData


@dataclass(frozen=True, slots=True)
class Notification:
    """A write that was held (`on_stale="notify"`) because what it was based on has moved.

    scope: "row" or "group". read_at: the stamp the writer had read. observed_sync_id: where the row
    or group stands now. written_by: the participant (`kind:id`) that moved it. current_values: the
    values now, by field name; empty for a group.
    """

    scope: str
    read_at: int
    observed_sync_id: int
    written_by: str | None = None
    model: str | None = None
    id: str | None = None
    fields: tuple[str, ...] = ()
    group: str | None = None
    current_values: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of a commit.

    client_tx_id: its idempotency key. server_tx_id: the transaction's own id. ops: operations
    applied. last_sync_id: the organization's log position after it. notifications: operations held
    back. missing_ids: rows that an update, delete, archive or unarchive did not find.
    """

    client_tx_id: str
    server_tx_id: str
    created_at: dt.datetime
    status_at: dt.datetime
    success: bool
    ops: int
    status: Literal["confirmed", "queued"]
    last_sync_id: int
    notifications: tuple[Notification, ...] = ()
    missing_ids: tuple[str, ...] = ()


def receipt_of(data: bytes, names: Names = NO_NAMES) -> Receipt:
    """Read a receipt from the kernel's JSON."""
    found: ReceiptData = RECEIPT.decode(data)
    return Receipt(
        client_tx_id=found.client_tx_id,
        server_tx_id=found.server_tx_id,
        created_at=dt.datetime.fromisoformat(found.created_at),
        status_at=dt.datetime.fromisoformat(found.status_at),
        success=found.success,
        ops=found.ops,
        status="queued" if found.status == "queued" else "confirmed",
        last_sync_id=found.last_sync_id,
        notifications=tuple(_notification(one, names) for one in found.notifications),
        missing_ids=tuple(found.missing_ids),
    )


def _notification(wire: Mapping[str, Any], names: Names) -> Notification:
    target = wire.get("target") or {}
    writer = wire.get("writtenBy") or {}
    model = names.model(target.get("model"))
    values = wire.get("currentValues")
    return Notification(
        scope=wire.get("scope", "row"),
        read_at=wire.get("readAt", 0),
        observed_sync_id=wire.get("observedSyncId", 0),
        written_by=f"{writer['kind']}:{writer['id']}" if "kind" in writer else None,
        model=model,
        id=target.get("id"),
        fields=tuple(names.field(model, one) or one for one in target.get("fields") or ()),
        group=wire.get("group"),
        current_values=None
        if values is None
        else {names.field(model, key) or key: value for key, value in values.items()},
    )
