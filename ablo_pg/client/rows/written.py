"""The row that a write gives back: out of the commit's own answer, so that one call does both.

The receipt travels in the row's hidden slot, where `ablo.receipt(row)` finds it.
"""

from __future__ import annotations

from ablo_pg.client.names import Entry
from ablo_pg.client.rows.decode import with_evidence
from ablo_pg.client.session import Session
from ablo_pg.errors import AbloError, AbloPermissionError, error_for
from ablo_pg.schema.rows import Evidence, Model, evidence_of, row_from_json, row_without_values
from ablo_pg.wire.committed import Committed, Receipt
from ablo_pg.wire.kernel_bodies import RowBody
from ablo_pg.wire.kernel_calls import ROW_GET
from ablo_pg.wire.results import RowRead


class WriteEvidence(Evidence, frozen=True, kw_only=True):
    """The evidence of a row that a write gave back."""

    done: Committed


async def written_row(session: Session, entry: Entry, row_id: str, done: Committed) -> Model:
    """Return the row of a commit of one operation.

    What has landed does not fail here: a row that the key may not read, or that a retry no longer
    finds, comes without its values. Raises stale_context, entity_not_found where nothing has been
    written and there is no row either.
    """
    rows = done.rows
    if not rows:
        row_id = done.receipt.made_ids.get(0, row_id)
    found = rows[0] if rows else await _read(session, entry, row_id)
    data = None if found is None else found.data
    if found is not None and data is not None:
        row, stamp = row_from_json(entry.row, data), found.stamp
    else:
        receipt = done.receipt
        row_id = receipt.made_ids.get(0, row_id)
        if found is not None and not receipt.ops:
            raise no_row(entry, row_id, receipt)
        reason = _hidden(entry, row_id) if found is None else _gone(entry, row_id)
        row, stamp = row_without_values(entry.row, row_id, reason), receipt.last_sync_id
    evidence = WriteEvidence(entry.key, stamp, entry.organization, done=done)
    return with_evidence(row, evidence)


def receipt_of_row(row: Model) -> Receipt | None:
    """Return the receipt of the write that gave this row back, or None."""
    evidence = evidence_of(row)
    return evidence.done.receipt if isinstance(evidence, WriteEvidence) else None


def no_row(entry: Entry, row_id: str, receipt: Receipt | None = None) -> AbloError:
    """Return the error for a write whose row is not there. receipt: of one that was held back."""
    if receipt is not None and receipt.notifications:
        return error_for(
            "stale_context",
            f"The write of {entry.key} {row_id!r} was not applied: a row it depends on changed",
            model=entry.key,
            row_id=row_id,
            remedy="read again; see details['receipt'].notifications",
            details={"receipt": receipt},
        )
    return error_for(
        "entity_not_found",
        f"There is no {entry.key} {row_id!r}",
        model=entry.key,
        field="id",
        row_id=row_id,
        remedy="check the id, or create the row",
        details={} if receipt is None else {"receipt": receipt},
    )


async def _read(session: Session, entry: Entry, row_id: str) -> RowRead | None:
    """Read the row that an answer did not bring; None where the key may not."""
    try:
        return await session.transport.ask(ROW_GET, RowBody(entry.typename, row_id))
    except AbloPermissionError:
        return None


def _hidden(entry: Entry, row_id: str) -> AbloError:
    return error_for(
        "capability_scope_denied",
        f"The write of {entry.key} {row_id!r} has landed, but this key may not read its row",
        model=entry.key,
        row_id=row_id,
        remedy=f"use ablo.receipt(row), or a key that has {entry.typename.lower()}.read",
    )


def _gone(entry: Entry, row_id: str) -> AbloError:
    return error_for(
        "entity_not_found",
        f"The write of {entry.key} {row_id!r} has landed, but its row can no longer be read: "
        "it was deleted, or this participant or its key may not read it",
        model=entry.key,
        row_id=row_id,
        remedy="use ablo.receipt(row)",
    )
