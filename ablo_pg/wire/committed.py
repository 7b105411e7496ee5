"""The result of a commit, as frozen values made from the kernel's JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ablo_pg.wire.names import NO_NAMES, Names
from ablo_pg.wire.results import PREVIEW, RECEIPT, PreviewedData, ReceiptData


@dataclass(frozen=True, slots=True)
class Changed:
    """Changes in a group or filter.

    count: how many rows. sample: (schema key, id) of some. truncated: there are more than those.
    """

    count: int
    sample: tuple[tuple[str, str], ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Notification:
    """A change in what a write was based on (`on_stale="notify"`), or in what is tracked.

    A write with `read_at` was not applied; one with a premise in `reads`, or a track, has landed.
    scope: "row", "group" or "filter". read_at: the stamp the writer had read. observed_sync_id: its
    latest change. written_by: the participant (`kind:id`) that changed it. current_values: a row's
    current values, by field name. changed: the changes in a group or a filter.
    """

    scope: Literal["row", "group", "filter"]
    read_at: int
    observed_sync_id: int
    written_by: str | None = None
    model: str | None = None
    id: str | None = None
    fields: tuple[str, ...] = ()
    group: str | None = None
    current_values: Mapping[str, Any] | None = field(default=None, hash=False)
    changed: Changed | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of a commit.

    client_tx_id: its idempotency key. server_tx_id: the transaction's own id. ops: operations
    applied. last_sync_id: the organization's log position after it. notifications: operations not
    applied, premises and tracks that have changed. missing_ids: rows that an update, delete,
    archive or unarchive did not find. made_ids: ids that tables assigned to rows created without
    one, by the operation's index, from 0.
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
    made_ids: Mapping[int, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a commit would do; see `client.rows.commits.Preview`."""

    ops: int
    changes: tuple[PreviewedData, ...]
    notifications: tuple[Notification, ...]
    missing_ids: tuple[str, ...]


class Committed:
    """A commit's receipt, made when it is asked for, and the rows if they were requested.

    rows: one an operation, None where the key may not read it; None for all of them where the
    answer has none: they are larger than one answer may be, or the relay is an older one.
    """

    __slots__ = ("_names", "_receipt", "rows")

    def __init__(self, receipt: Receipt | ReceiptData, names: Names = NO_NAMES) -> None:
        self._receipt, self._names = receipt, names
        self.rows = receipt.rows if isinstance(receipt, ReceiptData) else None

    @property
    def receipt(self) -> Receipt:
        """The receipt."""
        if isinstance(self._receipt, ReceiptData):
            self._receipt = _receipt(self._receipt, self._names)
        return self._receipt


def committed_of(data: bytes, names: Names = NO_NAMES) -> Committed:
    """Read the kernel's answer to a commit."""
    return Committed(RECEIPT.decode(data), names)


def receipt_of(data: bytes, names: Names = NO_NAMES) -> Receipt:
    """Read a receipt from the kernel's JSON."""
    return committed_of(data, names).receipt


def _receipt(found: ReceiptData, names: Names) -> Receipt:
    made = {int(place): row_id for place, row_id in found.made_ids.items()}
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
        made_ids=made if found.id is None else {0: found.id},
    )


def previewed_of(data: bytes, names: Names = NO_NAMES) -> Previewed:
    """Read the kernel's answer to a preview."""
    found = PREVIEW.decode(data)
    told = tuple(_notification(one, names) for one in found.notifications)
    return Previewed(found.ops, tuple(found.changes), told, tuple(found.missing_ids))


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
        changed=_changed(wire.get("changed"), names),
    )


def _changed(wire: Mapping[str, Any] | None, names: Names) -> Changed | None:
    if wire is None:
        return None
    sample = tuple((names.model(one["model"]) or "", one["id"]) for one in wire["sample"])
    return Changed(wire["count"], sample, wire["truncated"])
