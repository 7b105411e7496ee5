"""The kernel's JSON results as values; rows inside them stay bytes until they are needed."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ablo_pg.db.errors import ErrorReport
from ablo_pg.delta import Op
from ablo_pg.json_text import Decoder


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


class PageRead(msgspec.Struct, frozen=True, rename="camel"):
    """One page of rows; `evidence` has one entry per row, in the same order."""

    data: list[msgspec.Raw]
    evidence: list[RowEvidence]
    stamp: int
    has_more: bool
    next_cursor: str | None = None


class HistoryData(msgspec.Struct, frozen=True, rename="camel"):
    """One change of a row, from `ablo.row_history`; `row` is null for a delete."""

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

    @property
    def data(self) -> bytes | None:
        """The row's JSON; None for a delete."""
        data = bytes(self.row)
        return None if data == b"null" else data


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
    """A commit's receipt as the kernel stores it; `notifications` keep their wire form."""

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


class _ReportData(msgspec.Struct, frozen=True):
    sqlstate: str
    message: str = ""
    detail: str | None = None
    hint: str | None = None
    constraint: str | None = None
    table: str | None = None
    column: str | None = None
    context: str | None = None


ROW_READ: Final = Decoder(RowRead)
PAGE_READ: Final = Decoder(PageRead)
HISTORY_READ: Final = Decoder(HistoryRead)
SNAPSHOT_READ: Final = Decoder(SnapshotRead)
RECEIPT: Final = Decoder(ReceiptData)
KERNEL_STATUS: Final = msgspec.json.Decoder(KernelStatus, strict=False)
_REPORT: Final = Decoder(_ReportData)


def report_of(error: bytes) -> ErrorReport:
    """Read one error object of a commit batch."""
    found = _REPORT.decode(error)
    return ErrorReport(
        found.sqlstate,
        found.message,
        found.detail or None,
        found.hint or None,
        found.constraint or None,
        found.table or None,
        found.column or None,
        found.context or None,
    )
