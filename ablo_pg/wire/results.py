"""The kernel's JSON results as values; rows inside them stay bytes until they are needed."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from ablo_pg.delta import Op
from ablo_pg.json_text import Decoder
from ablo_pg.wire.deltas import WireDelta


class RowRead(msgspec.Struct, frozen=True):
    """One row and the log position it was read at."""

    row: msgspec.Raw
    stamp: int

    @property
    def data(self) -> bytes | None:
        """The row's JSON; None if there is no such row."""
        data = bytes(self.row)
        return None if data == b"null" else data


class RowEvidence(msgspec.Struct, frozen=True):
    """What a listed row was read at."""

    id: str
    stamp: int


class RelatedRead(msgspec.Struct, frozen=True):
    """Rows that belong to those of a page; `evidence` has one entry per row."""

    data: list[msgspec.Raw]
    evidence: list[RowEvidence]


class PageRead(msgspec.Struct, frozen=True, rename="camel"):
    """One page of rows; `evidence` has one entry per row, in the same order.

    compares: see `ablo.field_compares`; related: the included rows, by relation. None if it was not
    asked for, or the kernel is older.
    """

    data: list[msgspec.Raw]
    evidence: list[RowEvidence]
    stamp: int
    has_more: bool
    next_cursor: str | None = None
    compares: dict[str, str | None] | None = None
    related: dict[str, RelatedRead] | None = None


class AggregatedFields(msgspec.Struct, frozen=True):
    """By wire name: sums as text (of floats as numbers), minima and maxima as values of rows."""

    sum: dict[str, str | float] = {}
    min: dict[str, str | int | float | None] = {}
    max: dict[str, str | int | float | None] = {}


class GroupRead(msgspec.Struct, frozen=True):
    """The rows of one value of a field (key), or all rows (key None)."""

    key: str | int | float | bool | None
    count: int
    of: AggregatedFields


class AggregatesRead(msgspec.Struct, frozen=True):
    """The answer of `ablo.row_aggregate`."""

    stamp: int
    groups: list[GroupRead]
    compares: dict[str, str | None]


class HistoryData(msgspec.Struct, frozen=True, rename="camel"):
    """One change of a row, from `ablo.row_history`; a delete has no `row`, a create no `before`."""

    sync_id: int
    op: Op
    row: msgspec.Raw
    created_at: str
    changed: list[str] | None = None
    actor: str | None = None
    on_behalf_of: str | None = None
    capability_id: str | None = None
    claim_id: str | None = None
    transaction_id: str | None = None
    before: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def data(self) -> bytes | None:
        """The row's JSON; None for a delete."""
        data = bytes(self.row)
        return None if data == b"null" else data

    @property
    def previous(self) -> bytes | None:
        """The JSON of what was before; None for a create."""
        before = bytes(self.before)
        return None if before == b"null" else before


class HistoryRead(msgspec.Struct, frozen=True, rename="camel"):
    """A page of a row's changes, newest first. Nothing at or below `kept_after` is kept."""

    entries: list[HistoryData]
    has_more: bool
    kept_after: int


class SnapshotRow(RowRead, frozen=True, kw_only=True):
    """One named row of a snapshot."""

    model: str
    id: str


class SnapshotRead(msgspec.Struct, frozen=True):
    """Named rows and the watermark, from one snapshot."""

    stamp: int
    rows: list[SnapshotRow]


class ReceiptData(msgspec.Struct, frozen=True, rename="camel"):
    """A commit's receipt as the kernel stores it; `notifications` keep their wire form.

    rows: if they were asked for: one an operation, None if the key may not read it.
    """

    client_tx_id: str
    server_tx_id: str
    created_at: str
    status_at: str
    success: bool
    ops: int
    status: str
    last_sync_id: int
    notifications: list[dict[str, Any]] = []
    missing_ids: list[str] = []
    id: str | None = None
    made_ids: dict[str, str] = {}
    rows: list[RowRead | None] | None = None


class TrackData(msgspec.Struct, frozen=True, rename="camel"):
    """One track: of a row, or of a group."""

    read_at: int
    on_stale: str
    created_at: str
    model: str | None = None
    id: str | None = None
    group: str | None = None


class AccessVerdict(msgspec.Struct, frozen=True, rename="camel"):
    """Whether something may be done, and why. allowed: None if it depends on the change.

    by: what decides: key, operations, model, row, organization, policy, groups, permission, claim;
    None if nothing limits it. permission: its text; value: what it says of the row as it is.
    fields: of read and update, by JSON name: the same for each that has its own permission.
    """

    allowed: bool | None
    by: str | None
    reason: str
    permission: str | None = None
    value: bool | None = None
    fields: dict[str, bool] = {}


class AccessExplained(msgspec.Struct, frozen=True, rename="camel"):
    """What a caller may do with a row; access: a verdict for read, create, update and delete.

    operations, sync_groups: what limits the key; None: nothing. claims: of other participants on
    the row. sql: shows the same to an administrator in psql.
    """

    model: str
    id: str
    organization: str
    participant: str
    access: dict[str, AccessVerdict]
    sql: list[str]
    claims: list[dict[str, object]] = []
    capability_id: str | None = None
    operations: list[str] | None = None
    sync_groups: list[str] | None = None


class PreviewedData(msgspec.Struct, frozen=True):
    """One change that a commit would make; model: its schema key."""

    model: str
    id: str
    op: Op
    row: msgspec.Raw
    changed: list[str] | None = None
    before: msgspec.Raw = msgspec.Raw(b"null")


class PreviewRead(msgspec.Struct, frozen=True, rename="camel"):
    """What a commit would do; `notifications` keep their wire form."""

    ops: int
    changes: list[PreviewedData]
    notifications: list[dict[str, object]]
    missing_ids: list[str]


class UndoLeft(msgspec.Struct, frozen=True, rename="camel"):
    """A row whose changes an undo leaves, wholly or in some fields. fields: wire names."""

    model: str
    id: str
    reason: str
    fields: list[str] = []
    by: str | None = None
    sync_id: int | None = None


class UndoOperation(msgspec.Struct, frozen=True):
    """One operation of an undo, under wire names."""

    action: Literal["create", "update", "delete", "archive", "unarchive"]
    model: str
    id: str
    data: dict[str, object] | None = None


class UndoPlan(msgspec.Struct, frozen=True):
    """What undoes some changes: operations and premises of a commit, and what it leaves."""

    operations: list[UndoOperation]
    reads: list[dict[str, object]]
    left: list[UndoLeft]


class LogPage(msgspec.Struct, frozen=True):
    """Deltas after a position, how far that looked, and whether that is all there was."""

    deltas: list[WireDelta]
    reached: int
    whole: bool


class SchemaStatus(msgspec.Struct, frozen=True):
    """The schema that was applied last."""

    version: int
    hash: str


class KernelStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The kernel's status. `drift` names differences from what was installed.

    numbered: typenames of models whose ids are numbers, in adopted tables.
    """

    kernel_version: int
    ready: bool
    drift: list[str] = []
    schema: SchemaStatus | None = None
    numbered: list[str] = []
    wal_level: str | None = None
    server_version: int | None = None


ROW_READ: Final = Decoder(RowRead)
PAGE_READ: Final = Decoder(PageRead)
AGGREGATES_READ: Final = Decoder(AggregatesRead)
HISTORY_READ: Final = Decoder(HistoryRead)
SNAPSHOT_READ: Final = Decoder(SnapshotRead)
ACCESS: Final = Decoder(AccessExplained)
TRACKS: Final = Decoder(list[TrackData])
PREVIEW: Final = Decoder(PreviewRead)
UNDO: Final = Decoder(UndoPlan)
LOG_PAGE: Final = Decoder(LogPage)
RECEIPT: Final = Decoder(ReceiptData)
KERNEL_STATUS: Final = msgspec.json.Decoder(KernelStatus, strict=False)
