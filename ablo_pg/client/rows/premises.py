"""Premises: what a commit has read, which the kernel checks at the commit point.

Pure. A row carries its own evidence; the other forms are mappings. Used by `requests`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from ablo_pg.client.names import Entry
from ablo_pg.client.registry import Registry
from ablo_pg.client.rows.decode import Page, page_evidence_of
from ablo_pg.client.rows.values import encode_id
from ablo_pg.client.rows.where import predicates
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema.neutral import Disposition
from ablo_pg.schema.rows import Evidence, Model, evidence_of

# A row or a page read earlier (its evidence is the premise), or a mapping:
# {"model", "id", "read_at", "fields"?}, {"model", "where", "read_at", "archived"?},
# {"group": "kind:id", "read_at"}, {"model", "id", "absent": True}; each may carry "on_stale".
Premise: TypeAlias = Model | Page[Any] | Mapping[str, object]
Reads: TypeAlias = Sequence[Premise]
# What to do if something has changed; force and merge are older names.
OnStale: TypeAlias = Disposition | Literal["force", "flag", "merge"]
Word: TypeAlias = Disposition | Literal["flag"]

_SPELLINGS: Final[dict[str, Word]] = {
    "reject": "reject",
    "overwrite": "overwrite",
    "notify": "notify",
    "force": "overwrite",
    "flag": "flag",
    "merge": "notify",
}
_FORMS: Final = (
    'pass {"model", "id", "read_at"}, {"model", "where", "read_at"}, {"group", "read_at"}, '
    'or {"model", "id", "absent"}'
)


def encode_premise(registry: Registry, premise: Premise) -> dict[str, object]:
    """Return one premise under wire names. Raises invalid_request, foreign_tenant_row."""
    if isinstance(premise, Model):
        return _premise_of_row(registry, premise)
    if isinstance(premise, Page):
        return _premise_of_page(registry, premise)
    if not isinstance(premise, Mapping):
        raise _invalid(
            f"A premise is a {type(premise).__name__}",
            "reads",
            'pass rows or pages that were read, or {"model": ..., "id": ..., "read_at": ...}',
        )
    given = dict(premise)
    on_stale = given.pop("on_stale", given.pop("onStale", None))
    read_at = given.pop("read_at", given.pop("readAt", None))
    absent = given.pop("absent", False)
    own = given.pop("own", False)
    subject = str(given.get("group") or given.get("model"))
    wire = _subject(registry, given)
    if own and "id" in wire:
        wire["own"] = True
    if given:
        raise _invalid(f"A premise has no {sorted(given)[0]!r}", "reads", _FORMS)
    if absent and "id" in wire:
        wire["absent"] = True
    else:
        wire["readAt"] = stamp_of(read_at, subject)
    if on_stale is not None:
        wire["onStale"] = disposition_of(on_stale, subject)
    return wire


def encode_track(registry: Registry, target: Model | Mapping[str, object]) -> dict[str, object]:
    """Return what to track, under wire names: a row that was read, or a mapping."""
    if isinstance(target, Model):
        return _premise_of_row(registry, target)
    given = dict(target)
    on_stale = given.pop("on_stale", given.pop("onStale", None))
    read_at = given.pop("read_at", given.pop("readAt", None))
    if (given.keys() & {"model", "id"}) != given.keys() and given.keys() != {"group"}:
        raise _invalid(
            "A track names a row or a group", "track", 'pass {"model", "id"} or {"group"}'
        )
    subject = str(given.get("group") or given.get("model"))
    wire = _subject(registry, given)
    if read_at is not None:
        wire["readAt"] = stamp_of(read_at, subject)
    if on_stale is not None:
        wire["onStale"] = disposition_of(on_stale, subject)
    return wire


def _subject(registry: Registry, given: dict[str, Any]) -> dict[str, Any]:
    """Remove a premise's target from it, and return it."""
    reference, group = given.pop("model", None), given.pop("group", None)
    if (reference is None) == (group is None):
        raise _invalid("A premise names a model or a group", "reads", _FORMS)
    if group is not None:
        return {"group": str(group)}
    model = registry.entry(reference)
    if "where" in given:
        where = predicates(model, given.pop("where"))
        archived = bool(given.pop("archived", False))
        return {"model": model.typename, "where": where, "archived": archived}
    wire: dict[str, object] = {
        "model": model.typename,
        "id": encode_id(model.key, given.pop("id", None)),
    }
    fields = given.pop("fields", None)
    if fields is not None:
        wire["fields"] = [model.field(name).wire for name in _names(fields)]
    return wire


def _premise_of_row(registry: Registry, row: Model) -> dict[str, object]:
    evidence = evidence_of(row)
    if evidence is None:
        raise _invalid(
            f"This {type(row).__name__} was not read through a client, or is a copy",
            "reads",
            "pass the row as retrieve, list or snapshot returned it",
        )
    model = _entry_of(registry, evidence)
    if model.row is not type(row):
        raise _invalid(
            f"This {type(row).__name__} was read under another schema",
            "reads",
            "read it with this client",
        )
    return {"model": model.typename, "id": row.id, "readAt": evidence.stamp}


def _premise_of_page(registry: Registry, page: Page[Any]) -> dict[str, object]:
    evidence = page_evidence_of(page)
    if evidence is None:
        raise _invalid(
            "This page was not read through a client, or is a copy",
            "reads",
            "pass the page as list returned it",
        )
    return {
        "model": _entry_of(registry, evidence).typename,
        "where": evidence.where,
        "archived": evidence.archived,
        "ids": evidence.ids,
        "readAt": evidence.stamp,
    }


def _entry_of(registry: Registry, evidence: Evidence) -> Entry:
    """Return the model of some evidence, checked to be one of this client's."""
    if evidence.organization != registry.organization:
        raise error_for(
            "foreign_tenant_row",
            f"This evidence of {evidence.model} belongs to another organization",
            model=evidence.model,
            field="reads",
            remedy="read it with a client of this organization",
        )
    return registry.entry(evidence.model)


def _names(fields: object) -> list[str]:
    if isinstance(fields, str) or not isinstance(fields, Sequence | set | frozenset):
        raise _invalid("fields must be a list of names", "fields", 'pass fields=["status"]')
    return sorted(fields) if isinstance(fields, set | frozenset) else list(fields)


def stamp_of(read_at: object, model: str) -> int:
    """Return a stamp, checked."""
    if isinstance(read_at, bool) or not isinstance(read_at, int) or not 0 <= read_at < 2**63:
        raise error_for(
            "write_options_invalid",
            f"read_at of {model} must be a stamp: a non-negative integer",
            model=model,
            field="read_at",
            remedy="pass snap.stamp, or the stamp of a page",
        )
    return read_at


def disposition_of(on_stale: object, model: str) -> Word:
    """Return a checked on_stale, in its current spelling."""
    found = _SPELLINGS.get(on_stale) if isinstance(on_stale, str) else None
    if found is not None:
        return found
    raise error_for(
        "write_options_invalid",
        f"on_stale of {model} cannot be {on_stale!r}",
        model=model,
        field="on_stale",
        remedy="use reject, overwrite or notify",
    )


def _invalid(message: str, field: str, remedy: str) -> AbloError:
    return error_for("invalid_request", message, field=field, remedy=remedy)
