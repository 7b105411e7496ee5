"""One failure as Postgres tells it: what errors are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from ablo_pg.json_text import Decoder
from ablo_pg.wire.names import NO_NAMES as NO_NAMES
from ablo_pg.wire.names import Names as Names


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """Postgres's report of one failure, however it arrived."""

    sqlstate: str | None
    message: str
    detail: str | None = None
    hint: str | None = None
    constraint: str | None = None
    table: str | None = None
    column: str | None = None
    context: str | None = None  # the stack of functions, innermost first


class _ReportData(msgspec.Struct, frozen=True):
    sqlstate: str
    message: str = ""
    detail: str | None = None
    hint: str | None = None
    constraint: str | None = None
    table: str | None = None
    column: str | None = None
    context: str | None = None


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
