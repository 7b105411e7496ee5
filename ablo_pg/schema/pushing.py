"""Which changes a push makes automatically, which need a flag, and which it cannot make. Pure.

Flow: `diff` lists the changes -> `judge` checks each against the given options and, if that depends
on stored rows, against how many of them do not fit -> `kernel.schema_push` applies or refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema.diff import FIELD_MOVED, Change, diff
from ablo_pg.schema.neutral import Field, ModelSpec, SchemaSpec
from ablo_pg.schema.problems import bullets
from ablo_pg.schema.values import BadValueError, to_json_value

# Changes to what the database refuses while rows violate it.
CONDITIONS: Final = frozenset({"rules_tightened", "unique_added"}) | {
    *("check_added", "check_changed", "index_added", "index_changed"),
}
_LISTED: Final = CONDITIONS | {"enum_value_removed"}
# Changes that fit if no stored row violates them.
OF_ROWS: Final = _LISTED | {"field_added", "field_made_required"}
# Of these, those that another value mends.
_MENDED: Final = OF_ROWS - CONDITIONS | {"rules_tightened"}
# No flag allows these: rows would change owners.
NEVER: Final = frozenset({"tenancy_changed"})
# Consequences of a model's new key, or a field's new name, that a rename has allowed.
_WITH_MODEL: Final = frozenset(
    {"model_renamed", "typename_changed", "table_changed", "scope_changed"}
)
_WITH_FIELD: Final = frozenset({"field_renamed", "column_changed"})
_SHOWN: Final = 20  # renames that a remedy suggests

# Counts the rows that do not fit: (change) -> rows; None if they cannot be read.
Count = Callable[[Change], int | None]


@dataclass(frozen=True, slots=True)
class Backfill:
    """The value for rows that have none, or one that is no longer allowed. `value` is JSON."""

    model: str
    field: str
    value: object


@dataclass(frozen=True, slots=True)
class PushOptions:
    """The user's flags: allow data loss; renames; values for old rows."""

    force: bool = False
    renames: tuple[tuple[str, str], ...] = ()
    backfills: tuple[Backfill, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused change, why, and the flag that allows it; None: no flag does."""

    change: Change
    reason: str
    flag: str | None

    def __str__(self) -> str:
        fix = f"allow it with {self.flag}" if self.flag else "no flag allows it"
        return f"{_title(self.change)}: {self.reason}; {fix}"


@dataclass(frozen=True, slots=True)
class PushPlan:
    """The verdict on a push: all changes, those refused, and those made with data loss."""

    changes: tuple[Change, ...]
    refusals: tuple[Refusal, ...]
    warnings: tuple[Change, ...]
    backfills: Mapping[tuple[str, str], object]


def plan_push(
    old: SchemaSpec, new: SchemaSpec, options: PushOptions, count: Count = lambda change: None
) -> PushPlan:
    """Judge every change from `old` to `new`.

    Raises: invalid_request for a rename or backfill that names nothing, or a value that does not
    fit its field.
    """
    changes = diff(old, new, renames=options.renames)
    backfills = _resolve(new, options.backfills)
    judge = _Judge(options, changes, backfills, count)
    refusals = tuple(refusal for change in changes if (refusal := judge.refuse(change)))
    refused = {id(refusal.change) for refusal in refusals}
    warnings = tuple(one for one in changes if not one.additive and id(one) not in refused)
    return PushPlan(changes, refusals, warnings, backfills)


def incompatible(plan: PushPlan) -> AbloError:
    """Build the error that lists every refusal; `details` has them as data."""
    count = len(plan.refusals)
    title = f"{count} change{'s do' if count > 1 else ' does'} not fit:"
    return error_for(
        "incompatible_change",
        "\n".join([title, *bullets(plan.refusals)]),
        remedy=_remedy(plan.refusals),
        details={
            "unexecutable": [
                change_item(refusal.change) | {"detail": refusal.reason, "flag": refusal.flag}
                for refusal in plan.refusals
            ],
            "warnings": [change_item(change) for change in plan.warnings],
        },
    )


def _remedy(refusals: Sequence[Refusal]) -> str:
    """List, ready to type, the flags that allow everything; a new name is preferred to a drop."""
    flags = dict.fromkeys((one.flag or "").partition(" (or ")[0] for one in refusals)
    renames = dict.fromkeys(name for one in refusals if (name := _rename(one.change)))
    given = " ".join(flag for flag in flags if flag)
    if not given and all(one.change.kind in OF_ROWS for one in refusals):
        return "nothing was changed; correct the rows first, with SQL or through a client"
    if not given:
        return "nothing was changed; add a new model next to the old one and move the rows in SQL"
    instead = f"; for renamed ones: {' '.join([*renames][:_SHOWN])}" if renames else ""
    return f"nothing was changed; if this is intended, add: {given}{instead}"


def change_item(change: Change) -> dict[str, object]:
    """Return a change as JSON."""
    item = {"kind": change.kind, "model": change.model, "field": change.field}
    found: dict[str, object] = {name: value for name, value in item.items() if value is not None}
    if change.old is not None or change.new is not None:
        found |= {"old": change.old, "new": change.new}
    return found | {"additive": change.additive, "detail": change.reason}


class _Judge:
    """The verdict of one push on each change."""

    def __init__(
        self,
        options: PushOptions,
        changes: Iterable[Change],
        backfills: Mapping[tuple[str, str], object],
        count: Count,
    ) -> None:
        self._force = options.force
        self._backfills = backfills
        self._count = count
        moved = [one for one in changes if one.kind in ("model_renamed", *FIELD_MOVED)]
        self._models = {one.model for one in moved if one.kind == "model_renamed"}
        self._fields = {(one.model, one.field) for one in moved if one.kind in FIELD_MOVED}

    def refuse(self, change: Change) -> Refusal | None:
        """Return the refusal of a change, or None if it may be made."""
        if change.additive or self._renamed(change):
            return None
        if change.kind in NEVER:
            return Refusal(change, change.reason, None)
        if change.kind in OF_ROWS:
            return self._of_rows(change)
        return None if self._force else Refusal(change, change.reason, _flag(change))

    def _renamed(self, change: Change) -> bool:
        if change.kind in _WITH_FIELD:
            return (change.model, change.field) in self._fields
        if change.kind == "relation_changed":  # it names a model or a key that was renamed
            renamed = {model for model, _ in self._fields} | self._models
            return bool(self._models) or change.model in renamed
        return change.kind in _WITH_MODEL and change.model in self._models

    def _of_rows(self, change: Change) -> Refusal | None:
        if (change.model, change.field) in self._backfills:
            return None
        rows = self._count(change)
        # The database refuses its CHECK or index then: force does not help there.
        if rows == 0 or (self._force and change.kind not in _LISTED):
            return None
        stands = change.reason if rows is None else f"{rows:,} stored rows violate it"
        mended = f"--backfill {change.model}.{change.field}=VALUE"
        return Refusal(change, stands, mended if change.kind in _MENDED else None)


def _flag(change: Change) -> str:
    rename = _rename(change)
    return f"--force (or {rename})" if rename else "--force"


def _rename(change: Change) -> str | None:
    """Return the flag that declares a seeming drop to be a rename."""
    if change.kind == "field_dropped":
        where = f"{change.model}.{change.field}"
        return f"--rename {where}:{change.model}.NEW"
    return f"--rename {change.model}:NEW" if change.kind == "model_dropped" else None


def _title(change: Change) -> str:
    return str(change).removesuffix(f": {change.reason}")


def _resolve(new: SchemaSpec, backfills: Sequence[Backfill]) -> dict[tuple[str, str], object]:
    models = {model.key: model for model in new.models}
    found: dict[tuple[str, str], object] = {}
    for one in backfills:
        model = models.get(one.model)
        field = None if model is None else _field(model, one.field)
        if model is not None and field is None and one.field == "organizationId":
            flag = f"--backfill {model.key}.organizationId={one.value}"
            raise _bad(one, "a push assigns no organization", f"use `ablo-pg migrate {flag}`")
        if model is None or field is None:
            raise _bad(one, "the new schema has no such field", "name one as model.field=value")
        try:
            value = to_json_value(field, one.value)
        except BadValueError as exc:
            raise _bad(one, exc.reason, exc.remedy) from None
        if value is None:
            raise _bad(one, "it is null", "give a value")
        found[model.key, field.wire] = value
    return found


def _field(model: ModelSpec, name: str) -> Field | None:
    return next((field for field in model.fields if name in (field.wire, field.name)), None)


def _bad(one: Backfill, reason: str, remedy: str) -> AbloError:
    where = f"{one.model[:80]}.{one.field[:80]}"
    return error_for(
        "invalid_request",
        f"the backfill of {where} does not fit: {reason}",
        model=one.model[:80],
        field=one.field[:80],
        remedy=remedy,
    )
