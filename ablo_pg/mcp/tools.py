"""The tools, each with the JSON schema of its arguments, as the key and the active schema allow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from ablo_pg.mcp import calls
from ablo_pg.mcp.session import Catalogue, Json, Session

Made: TypeAlias = Callable[[Catalogue, Sequence[str]], Json]  # of the models that it may name
Run: TypeAlias = Callable[[Session, Json, calls.Told], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool before it is known who asks.

    verb: what a key must be allowed to do with some model; "write": any of create, update, delete;
    None: nothing. arguments: the schema of each, or what makes it. reads, destroys, repeats: what a
    client may tell its user. run: what it does.
    """

    name: str
    description: str
    verb: str | None
    run: Run
    arguments: Mapping[str, Json | Made] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    reads: bool = False
    destroys: bool = False
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of one key. properties: the schema of each argument."""

    offer: Offer
    properties: Json

    @property
    def schema(self) -> Json:
        """The JSON schema of its arguments."""
        return {
            "type": "object",
            "properties": self.properties,
            "required": list(self.offer.required),
            "additionalProperties": False,
        }


def tools_of(catalogue: Catalogue) -> list[Tool]:
    """Return the tools that the key has a use for."""
    found = []
    for offer in OFFERS:
        models = list(catalogue.models)
        if offer.verb is not None:
            own = catalogue.writable if offer.verb == "write" else catalogue.verbs[offer.verb]
            if not own:
                continue
            models = own
        made = {
            name: one(catalogue, models) if callable(one) else one
            for name, one in offer.arguments.items()
        }
        found.append(Tool(offer, made))
    return found


def _model(catalogue: Catalogue, models: Sequence[str]) -> Json:
    return {"type": "string", "enum": list(models)}


def _data(part: str, catalogue: Catalogue, models: Sequence[str]) -> Json:
    """Return the schema of a write's data: that of one of the models; the relay checks which."""
    parts = [{"title": key} | calls.component(catalogue, key, part) for key in models]
    return parts[0] if len(parts) == 1 else {"type": "object", "anyOf": parts}


def _operations(catalogue: Catalogue, models: Sequence[str]) -> Json:
    operation = {
        "type": "object",
        "properties": {
            "action": {"enum": ["create", "update", "delete", "archive", "unarchive"]},
            "model": _model(catalogue, models),
            "id": _ID,
            "data": {"type": "object"},
            "readAt": _STAMP,
        },
        "required": ["action", "model"],
        "additionalProperties": False,
    }
    return {"type": "array", "items": operation, "minItems": 1, "maxItems": 500}


def _limit(most: int) -> Json:
    return {"type": "integer", "minimum": 1, "maximum": most, "default": 20}


def _text(description: str) -> Json:
    return {"type": "string", "description": description}


_ID: Final = _text("The row's id.")
_KEY: Final = {"maxLength": 255} | _text(
    "Derive it from what happened (an order, a message): the same key with the same request is "
    "applied once, however often the step runs."
)
_STAMP: Final = {
    "type": "integer",
    "description": "The stamp that get_model gave: refused if the row has changed since.",
}
_ROW: Final[dict[str, Json | Made]] = {"model": _model, "id": _ID}
_GUARDED: Final[dict[str, Json | Made]] = {"read_at": _STAMP, "idempotency_key": _KEY}
OFFERS: Final = (
    Offer(
        "get_schema",
        "The models that you may use, with their fields and relations.",
        None,
        calls.get_schema,
        reads=True,
    ),
    Offer(
        "list_records",
        "Rows of a model: filtered, ordered, a page at a time.",
        "read",
        calls.list_records,
        {
            "model": _model,
            "where": _text("SQL over the fields, e.g. status = 'todo' and priority > 3"),
            "order_by": _text("A field; -field for descending."),
            "limit": _limit(100),
            "cursor": _text("next_cursor of the previous page."),
        },
        ("model",),
        reads=True,
    ),
    Offer(
        "get_model",
        "One row, its stamp, and who has claimed it. The row is null if there is none.",
        "read",
        calls.get_model,
        _ROW,
        ("model", "id"),
        reads=True,
    ),
    Offer(
        "history",
        "The changes of a row, newest first: what, when, by whom, and what it was before.",
        "read",
        calls.history,
        {**_ROW, "limit": _limit(100)},
        ("model", "id"),
        reads=True,
    ),
    Offer(
        "tail_logs",
        "The newest changes and claims of the organization, from all participants.",
        "read",
        calls.tail_logs,
        {"model": _model, "limit": _limit(100), "after": _text("next_cursor of an answer.")},
        reads=True,
    ),
    Offer(
        "create_model",
        "Create a row; returns it.",
        "create",
        calls.create_model,
        {"model": _model, "data": partial(_data, "New"), "id": _ID, "idempotency_key": _KEY},
        ("model", "data"),
    ),
    Offer(
        "update_model",
        "Change the named fields of a row; returns it. Claim the row before slow work on it, or "
        "pass read_at, so that another's change in between is not overwritten.",
        "update",
        calls.update_model,
        {**_ROW, "data": partial(_data, "Changes"), **_GUARDED},
        ("model", "id", "data"),
    ),
    Offer(
        "delete_model",
        "Delete a row.",
        "delete",
        calls.delete_model,
        {**_ROW, **_GUARDED},
        ("model", "id"),
        destroys=True,
    ),
    Offer(
        "claim_model",
        "Claim a row before slow work on it: until you release it no other participant writes it. "
        "Waits in the row's queue if another has it. Returns the row as it is now.",
        "write",
        calls.claim_model,
        {
            **_ROW,
            "description": _text("What you are about to do."),
            "wait_seconds": {
                "type": "number",
                "minimum": 0,
                "maximum": calls.WAIT_LIMIT,
                "default": 30,
            },
        },
        ("model", "id", "description"),
        repeats=True,
    ),
    Offer(
        "release_claim",
        "Release your claim on a row, as soon as your work on it is written.",
        "write",
        calls.release_claim,
        _ROW,
        ("model", "id"),
        repeats=True,
    ),
    Offer(
        "preview",
        "What a commit of several operations would change, or what would refuse it; writes "
        "nothing.",
        "write",
        calls.preview,
        {"operations": _operations},
        ("operations",),
        reads=True,
    ),
    Offer(
        "undo",
        "Take changes back: of a commit (its serverTxId), under a claim, or what a participant "
        "wrote after a sync id. What others changed since is left, and listed.",
        "write",
        calls.undo,
        {
            "commit": _text("The serverTxId of a commit of the last day."),
            "claim": _text("The id of a claim."),
            "actor": _text("kind:id; with after."),
            "after": {"type": "integer", "minimum": 0},
            "preview": {"type": "boolean", "description": "Only say what it would write."},
        },
        destroys=True,
    ),
)
