"""Making queued writes: the resulting row, and the handle that reports the outcome."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from ablo_pg.client.local.queued import Pending, QueuedWrite
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.decode import with_evidence
from ablo_pg.client.rows.requests import CommitRequest
from ablo_pg.client.session import Session
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema.rows import Evidence, Model, changed_row, evidence_of, row_from_json
from ablo_pg.wire.committed import Receipt

Over = Callable[[Model | None], Model | None]
ACTIONS = ("create", "update", "delete")


class QueuedEvidence(Evidence, frozen=True, kw_only=True):
    """The evidence of a row as a queued write will leave it."""

    pending: Pending


async def queue_row(
    session: Session, entry: Entry, wire: Mapping[str, Any], request: CommitRequest
) -> Model:
    """Queue a create or an update; return the row as it will be. Raises entity_not_found."""
    pending = await _queue(session, entry, wire, request)
    copy = session.local.copy
    row = None if copy is None else copy.get(entry, wire["id"])
    assert row is not None
    stamp = getattr(evidence_of(row), "stamp", 0)
    evidence = QueuedEvidence(entry.key, stamp, entry.organization, pending=pending)
    return with_evidence(row.model_copy(), evidence)


async def queue_delete(
    session: Session, entry: Entry, wire: Mapping[str, Any], request: CommitRequest
) -> Receipt:
    """Queue a delete; return a receipt for it."""
    await _queue(session, entry, wire, request)
    now = dt.datetime.now(dt.UTC)
    return Receipt(request.key, "", now, now, True, 1, "queued", session.local.position)


def pending_of(session: Session, written: Model | Receipt) -> Pending | None:
    """Return the handle of a queued write, None for anything else."""
    if isinstance(written, Receipt):
        queue = session.local.queue
        return None if queue is None else queue.find(written.client_tx_id)
    evidence = evidence_of(written)
    return evidence.pending if isinstance(evidence, QueuedEvidence) else None


async def _queue(
    session: Session, entry: Entry, wire: Mapping[str, Any], request: CommitRequest
) -> Pending:
    action = wire["action"]
    copy, queue = session.local.copy, session.local.queue
    if copy is None or queue is None or action not in ACTIONS:
        raise _cannot(entry, action)
    row_id = wire.get("id")
    if row_id is None:
        raise error_for(
            "write_options_invalid",
            f"A queued create of {entry.key} needs an id: the table's ids are numbers, which only "
            "the database can make",
            model=entry.key,
            field="id",
            remedy='use wait="confirmed"; a client on a database_url may pass id= with a number',
        )
    if action == "update" and copy.get(entry, row_id) is None:
        raise error_for(
            "entity_not_found",
            f"There is no {entry.key} {row_id!r} to update in the local copy",
            model=entry.key,
            field="id",
            row_id=row_id,
            remedy="check the id, or create the row",
        )
    participant = session.transport.participant
    return await queue.put(QueuedWrite(entry, row_id, request, _over(entry, wire, participant)))


def _over(entry: Entry, wire: Mapping[str, Any], participant: str) -> Over:
    """Return the effect of a write on the row under it."""
    data = wire.get("data") or {}
    now = dt.datetime.now(dt.UTC).isoformat()
    if wire["action"] == "delete":
        return lambda row: None
    if wire["action"] == "create":
        own = {"id": wire["id"], "organizationId": entry.organization, "createdBy": participant}
        made = row_from_json(entry.row, {**own, "createdAt": now, "updatedAt": now, **data})
        return lambda row: made if row is None else row

    def over(row: Model | None) -> Model | None:
        if row is None:
            return None
        return changed_row(row, {**data, "updatedAt": now})

    return over


def _cannot(entry: Entry, action: str) -> AbloError:
    queued = action in ACTIONS
    return error_for(
        "write_options_invalid",
        f'wait="queued" needs a local copy of {entry.key}'
        if queued
        else f'{action} cannot be queued; wait="queued" works with {", ".join(ACTIONS)}',
        model=entry.key,
        field="wait",
        remedy="pass local=True to the client and call ready() first"
        if queued
        else 'use wait="confirmed"',
    )
