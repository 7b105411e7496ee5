"""Undo: `ablo.undo(commit=...)` and `ablo.tasks.restore(id=..., at=...)`.

The kernel plans, from the log, the commit that takes changes back; the client sends it like any
other, so that permissions, claims, checks and idempotency hold for it, and the log says who undid
what. The plan's premises refuse it if a row has changed in the meantime; then it is planned again.
An undo is undone in the same way.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

import msgspec
import orjson
from msgspec import structs

from ablo_pg.client.deadlines import within
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.operations import Action
from ablo_pg.client.rows.requests import assemble, idempotency_key
from ablo_pg.client.rows.values import encode_id
from ablo_pg.client.session import Session
from ablo_pg.errors import AbloError, error_for
from ablo_pg.wire.committed import Receipt
from ablo_pg.wire.kernel_bodies import ReceiptBody, UndoBody
from ablo_pg.wire.kernel_calls import RECEIPT_GET, UNDO_PLAN
from ablo_pg.wire.results import UndoLeft, UndoPlan

Reason = Literal["changed", "deleted", "recreated", "unknown"]
ATTEMPTS: Final = 8  # to plan and commit, against other writers of the same rows
_FORMS: Final = "pass one of commit=, claim=, or actor= with since="


@dataclass(frozen=True, slots=True)
class Left:
    """A row whose changes are not undone, or some of whose fields (fields) are not.

    model: its schema key. reason: "changed": another write changed it later (by, at sync_id);
    "deleted": it was deleted later; "recreated": its id belongs to another row now;
    "unknown": the log does not tell this client what was before.
    """

    model: str
    id: str
    reason: Reason
    fields: tuple[str, ...] = ()
    by: str | None = None
    sync_id: int | None = None


@dataclass(frozen=True, slots=True)
class UndoStep:
    """One write of an undo. model: schema key. data: by field name, values as JSON has them."""

    action: Action
    model: str
    id: str
    data: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo wrote, and what it left. receipt: None if it wrote nothing, or previewed."""

    receipt: Receipt | None
    steps: tuple[UndoStep, ...]
    left: tuple[Left, ...]


def chosen(
    commit: str | Receipt | None,
    claim: str | None,
    actor: str | None,
    since: int | dt.datetime | None,
) -> dict[str, object]:
    """Return which changes to undo, as the kernel reads it. Raises invalid_options."""
    given = {"commit": commit, "claim": claim, "actor": actor}
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise _invalid("commit", f"An undo names {' and '.join(named) or 'nothing'}", _FORMS)
    if isinstance(commit, Receipt):
        given["commit"] = commit.server_tx_id
    (name,) = named
    if not isinstance(given[name], str) or not given[name]:
        raise _invalid(name, f"{name} is {given[name]!r}", _FORMS)
    choice: dict[str, object] = {name: given[name]}
    if name == "actor":
        choice |= _since(since)
    elif since is not None:
        raise _invalid("since", f"since goes with actor, not with {name}", _FORMS)
    return choice


def _since(since: object) -> dict[str, object]:
    if isinstance(since, dt.datetime) and since.tzinfo is not None:
        return {"since": since.isoformat()}
    if isinstance(since, int) and not isinstance(since, bool) and 0 <= since < 2**63:
        return {"after": since}
    raise _invalid(
        "since",
        f"since is {since!r}",
        "pass a sync id, whose later changes are undone, or a datetime with a time zone",
    )


async def undo(
    session: Session,
    choice: Mapping[str, object],
    *,
    preview: bool,
    key: str | None,
    timeout: float | None,
) -> Undone:
    """Undo the chosen changes in one commit, or tell what that would do."""
    seconds = session.seconds(timeout)
    body = UndoBody(msgspec.Raw(orjson.dumps(choice)))
    key, given = idempotency_key(key), key is not None
    async with within(seconds, "The undo", key):
        if given and not preview:
            landed = await session.transport.ask(RECEIPT_GET, ReceiptBody(key))
            if landed is not None:
                return Undone(landed, (), ())
        for attempt in range(ATTEMPTS):
            plan = await session.transport.ask(UNDO_PLAN, body)
            undone = _undone(session, plan)
            if preview or not plan.operations:
                return undone
            try:
                return await _commit(session, plan, undone, key)
            except AbloError as error:
                if error.code != "stale_context" or attempt == ATTEMPTS - 1:
                    raise
    raise AssertionError("every attempt returns or raises")


async def _commit(session: Session, plan: UndoPlan, undone: Undone, key: str) -> Undone:
    def cover(operations: list[dict[str, object]], premises: list[dict[str, object]]) -> None:
        premises += plan.reads
        session.claims.cover(operations, premises)

    request = assemble(session.registry, _wire(plan), None, key, cover)
    receipt = (await session.send(request)).receipt
    return Undone(receipt, undone.steps, undone.left)


async def restore(
    session: Session, entry: Entry, id: str, at: int, key: str | None, timeout: float | None
) -> Undone:
    """Undo all changes of a row after position `at`."""
    choice = {"model": entry.typename, "id": encode_id(entry.key, id), "after": at}
    done = await undo(session, choice, preview=False, key=key, timeout=timeout)
    for one in done.left:
        raise error_for(
            "snapshot_required",
            f"The log does not say what {entry.key} {id!r} was at {at}"
            + (f" in {', '.join(one.fields)}" if one.fields else ""),
            model=entry.key,
            row_id=id,
            remedy="choose a later position: `history` lists them",
            details={"at": at, "syncId": one.sync_id},
        )
    return done


def _wire(plan: UndoPlan) -> list[dict[str, object]]:
    shown = [structs.asdict(one) for one in plan.operations]
    return [{name: value for name, value in one.items() if value is not None} for one in shown]


def _undone(session: Session, plan: UndoPlan) -> Undone:
    entry = session.registry.entry
    steps = [
        UndoStep(
            one.action,
            (model := entry(one.model)).key,
            one.id,
            None if one.data is None else {model.python(k): v for k, v in one.data.items()},
        )
        for one in plan.operations
    ]
    return Undone(None, tuple(steps), tuple(_left(entry(one.model), one) for one in plan.left))


def _left(entry: Entry, one: UndoLeft) -> Left:
    fields = tuple(entry.python(wire) for wire in one.fields)
    return Left(entry.key, one.id, cast(Reason, one.reason), fields, one.by, one.sync_id)


def _invalid(field: str, message: str, remedy: str) -> AbloError:
    return error_for("invalid_options", message, field=field, remedy=remedy)
