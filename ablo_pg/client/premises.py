"""Premises: what a commit has read, as the kernel checks it at the commit point.

Pure. A row carries its own evidence; the other forms are mappings. Used by `base`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, get_args

from ablo_pg.client.registry import Registry
from ablo_pg.client.values import encode_id
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema.neutral import Disposition
from ablo_pg.schema.rows import Model, evidence_of

# A row read earlier (its evidence is the premise), or a mapping: {"model", "id", "read_at",
# "fields"?, "on_stale"?}, {"group": "kind:id", "read_at", "on_stale"?}, {"model", "id", "absent":
# True}.
Premise: TypeAlias = Model | Mapping[str, Any]
Reads: TypeAlias = Sequence[Premise]

_DISPOSITIONS: Final = get_args(Disposition)


def encode_premise(registry: Registry, premise: Premise) -> dict[str, Any]:
    """Return one premise under wire names."""
    if isinstance(premise, Model):
        return _premise_of_row(registry, premise)
    if not isinstance(premise, Mapping):
        raise _invalid(
            f"A premise is a {type(premise).__name__}",
            "reads",
            'pass rows that were read, or {"model": ..., "id": ..., "read_at": ...}',
        )
    given = dict(premise)
    wire: dict[str, Any] = {}
    on_stale = given.pop("on_stale", given.pop("onStale", None))
    read_at = given.pop("read_at", given.pop("readAt", None))
    fields = given.pop("fields", None)
    absent = given.pop("absent", False)
    reference, group = given.pop("model", None), given.pop("group", None)
    row_id = given.pop("id", None)
    if given or (reference is None) == (group is None):
        raise _invalid(
            f"A premise names a row or a group; {sorted(given) or 'model, group'} do not fit",
            "reads",
            'pass {"model", "id", "read_at"}, {"group", "read_at"}, or {"model", "id", "absent"}',
        )
    if group is not None:
        wire["group"] = group
    else:
        model = registry.entry(reference)
        wire |= {"model": model.typename, "id": encode_id(model.key, row_id)}
        if fields is not None:
            wire["fields"] = [model.field(name).wire for name in _names(fields)]
    if absent:
        wire["absent"] = True
    else:
        wire["readAt"] = stamp_of(read_at, str(reference or group))
    if on_stale is not None:
        wire["onStale"] = disposition_of(on_stale, str(reference or group))
    return wire


def _premise_of_row(registry: Registry, row: Model) -> dict[str, Any]:
    evidence = evidence_of(row)
    if evidence is None:
        raise _invalid(
            f"This {type(row).__name__} was not read through a client, or is a copy",
            "reads",
            "pass the row as retrieve, list or snapshot returned it",
        )
    model = registry.entry(evidence.model)
    return {"model": model.typename, "id": row.id, "readAt": evidence.stamp}


def _names(fields: Any) -> list[str]:
    if isinstance(fields, str) or not isinstance(fields, Sequence | set | frozenset):
        raise _invalid("fields must be a list of names", "fields", 'pass fields=["status"]')
    return sorted(fields) if isinstance(fields, set | frozenset) else list(fields)


def stamp_of(read_at: Any, model: str) -> int:
    """Return a stamp, checked to be one."""
    if isinstance(read_at, bool) or not isinstance(read_at, int) or not 0 <= read_at < 2**63:
        raise error_for(
            "write_options_invalid",
            f"read_at of {model} must be a stamp: a non-negative integer",
            model=model,
            field="read_at",
            remedy="pass snap.stamp, or the stamp of a page",
        )
    return read_at


def disposition_of(on_stale: Any, model: str) -> str:
    """Return what to do about a stale read, checked."""
    if on_stale in _DISPOSITIONS:
        return str(on_stale)
    raise error_for(
        "write_options_invalid",
        f"on_stale of {model} cannot be {on_stale!r}",
        model=model,
        field="on_stale",
        remedy=f"use {', '.join(_DISPOSITIONS)}",
    )


def _invalid(message: str, field: str, remedy: str) -> AbloError:
    return error_for("invalid_request", message, field=field, remedy=remedy)
