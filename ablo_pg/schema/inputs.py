"""A caller's data, checked before the round trip: `validate_create`, `_update`.

Flow: `data` (snake_case or wire keys, Python values) -> here -> wire keys and JSON values -> SQL,
which checks again, for other writers. `values` decides what a column can hold; pydantic checks what
the author of the class requires beyond that (constraints, validators, nested models). Without such
requirements, pydantic is not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from ablo_pg.errors import AbloValidationError, error_for
from ablo_pg.json_text import Json
from ablo_pg.schema.names import RESERVED
from ablo_pg.schema.neutral import ARCHIVED_FIELD, BASE_FIELDS, Field
from ablo_pg.schema.plans import FieldPlan, WritePlan, plan_for
from ablo_pg.schema.rows import Model, changed_row
from ablo_pg.schema.rules import FOLLOW, say_rules
from ablo_pg.schema.values import BadValueError, shape, to_json_value

_SYSTEM_FIELDS = {
    spelling: Field(name, wire, column, kind, optional=name in ("created_by", "archived_at"))
    for name, wire, column, kind in (*BASE_FIELDS, ARCHIVED_FIELD)
    for spelling in (name, wire)
}
# pydantic's names for a broken rule of a field.
_RULE_TYPES = (
    *("greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of"),
    *("string_too_short", "string_too_long", "string_pattern_mismatch"),
)
_MISMATCH_TYPES = ("_type", "_parsing", "_instance_of", "_attributes_type")


@dataclass(frozen=True, slots=True)
class _Fault:
    code: str
    field: str | None
    reason: str
    remedy: str


def validate_create(
    model: type[Model], data: Mapping[str, object], *, key: str | None = None
) -> dict[str, object]:
    """Check the data of a new row; return wire keys and JSON values, with defaults filled in.

    Args:
        data: snake_case or wire keys. A field that is optional or has a default may be left out.
        key: what errors call the model; default: the class's name.

    Raises:
        AbloValidationError: `unknown_field`, `not_null_violation`, `column_type_mismatch`,
            `check_violation`, `request_too_large`, `validation_failed`; it names the first fault,
            and `details["problems"]` has all of them.
    """
    plan = plan_for(model)
    faults: list[_Fault] = []
    given = _resolve(plan, data, faults)
    faults.extend(
        _Fault(
            "not_null_violation",
            part.field.name,
            "it is required, and was not given",
            "pass a value, or declare a default or `| None`",
        )
        for part in plan.required
        if part.field.wire not in given and isinstance(data, Mapping)
    )
    result = _convert(plan, given, faults)
    if not faults and not plan.plain_for(given, create=True):
        result = _run_pydantic(plan, given, faults, create=True)
    elif not faults:
        result = {**plan.plain_defaults(given), **result}
    _raise_first(faults, key or model.__name__)
    return result


def validate_update(
    model: type[Model], data: Mapping[str, object], *, key: str | None = None
) -> dict[str, object]:
    """Check the data of a change: any of the fields. As `validate_create`, without defaults.

    Validators of single fields run; those of the whole row need the rest of it: `validate_whole`.
    """
    plan = plan_for(model)
    faults: list[_Fault] = []
    given = _resolve(plan, data, faults)
    result = _convert(plan, given, faults)
    if not faults and not plan.plain_for(given, create=False):
        result = _run_pydantic(plan, given, faults, create=False)
    _raise_first(faults, key or model.__name__)
    return result


def judges_rows(model: type[Model]) -> bool:
    """Whether a class has validators of whole rows (`model_validator(mode="after")`)."""
    return plan_for(model).judges_rows


def validate_whole(
    model: type[Model], row: Model, data: dict[str, object], *, key: str | None = None
) -> dict[str, object]:
    """Check the row that a change would make, and return the change with what validators replace.

    Args:
        row: as it is now. data: a change, as `validate_update` returns it.

    Raises:
        AbloValidationError: validation_failed.
    """
    plan = plan_for(model)
    if not plan.judges_rows:
        return data
    made = plan.whole_class.model_construct(**dict(changed_row(row, data)))
    faults: list[_Fault] = []
    try:
        found = plan.whole_class.model_validate(made)
    except ValidationError as exc:
        faults.extend(_pydantic_faults(plan, exc))
        found = made
    _raise_first(faults, key or model.__name__)
    values = {part: getattr(found, part.field.name) for part in plan.fields}
    return data | {
        part.field.wire: to_json_value(part.field, value)
        for part, value in values.items()
        if value != getattr(made, part.field.name)
    }


def find_field(model: type[Model], name: str) -> Field | None:
    """Return the field of that Python or wire name, the base fields included, or None."""
    part = plan_for(model).by_spelling.get(name)
    return part.field if part is not None else _SYSTEM_FIELDS.get(name)


def encode_value(model: type[Model], name: str, value: object, *, key: str | None = None) -> Json:
    """Return the JSON form of a value that a field is compared with.

    Raises:
        AbloValidationError: `query_invalid_identifier` for an unknown field, or the value's fault.
    """
    field = find_field(model, name)
    label = key or model.__name__
    if field is None:
        raise AbloValidationError(
            f"{label} has no field {shape(name)}",
            code="query_invalid_identifier",
            model=label,
            field=name[:200],
            remedy=_suggest(plan_for(model), name),
        )
    if value is None:
        return None
    try:
        return to_json_value(field, value)
    except BadValueError as exc:
        raise error_for(
            exc.code,
            f"{label}.{field.name}: {exc.reason}",
            model=label,
            field=field.name,
            remedy=exc.remedy,
        ) from None


def _resolve(
    plan: WritePlan, data: Mapping[str, object], faults: list[_Fault]
) -> dict[str, tuple[FieldPlan, object]]:
    """Map each given key to its field; the result is keyed by wire name."""
    if not isinstance(data, dict | Mapping):  # asking an ABC takes longer
        faults.append(
            _Fault(
                "validation_failed",
                None,
                f"data must be a mapping of fields, got {shape(data)}",
                'pass a dict, for example {"title": "..."}',
            )
        )
        return {}
    given: dict[str, tuple[FieldPlan, object]] = {}
    for name, value in data.items():
        part = plan.by_spelling.get(name) if isinstance(name, str) else None
        if part is None:
            faults.append(_unknown(plan, name))
        elif part.field.wire in given:
            faults.append(
                _Fault(
                    "validation_failed",
                    part.field.name,
                    f"it is given twice, as {part.field.name!r} and {part.field.wire!r}",
                    "pass it once",
                )
            )
        else:
            given[part.field.wire] = (part, value)
    return given


def _unknown(plan: WritePlan, name: object) -> _Fault:
    if not isinstance(name, str):
        reason = f"a field's name is a string, got {shape(name)}"
        return _Fault("unknown_field", None, reason, _suggest(plan, ""))
    if name in RESERVED:
        remedy = "leave it out: it is set automatically"
        if name == "id":
            remedy = "leave it out of data, and pass id= instead"
        return _Fault("unknown_field", name, f"{name!r} cannot be written", remedy)
    if name in _SYSTEM_FIELDS:
        return _Fault(
            "unknown_field", name, f"{name!r} cannot be written", "archive or unarchive the row"
        )
    return _Fault(
        "unknown_field", name[:200], f"no such field: {shape(name)}", _suggest(plan, name)
    )


def _suggest(plan: WritePlan, name: str) -> str:
    import difflib  # only for an error

    names = [part.field.name for part in plan.fields]
    close = difflib.get_close_matches(name[:200], names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    shown = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
    return f"use one of: {shown}" if names else "the model has no fields of its own"


def _convert(
    plan: WritePlan, given: Mapping[str, tuple[FieldPlan, object]], faults: list[_Fault]
) -> dict[str, object]:
    """Turn each value into JSON; if a validator converts, pydantic runs first (later)."""
    result: dict[str, object] = {}
    for wire, (part, value) in given.items():
        if part.converts and value is not None:
            continue
        try:
            result[wire] = to_json_value(part.field, value)
        except BadValueError as exc:
            faults.append(_Fault(exc.code, part.field.name, exc.reason, exc.remedy))
    return result


def _run_pydantic(
    plan: WritePlan,
    given: Mapping[str, tuple[FieldPlan, object]],
    faults: list[_Fault],
    *,
    create: bool,
) -> dict[str, object]:
    """Validate with the author's class, and turn the result into JSON."""
    shadow = plan.create_class if create else plan.update_class
    try:
        row = shadow.model_validate({wire: value for wire, (_, value) in given.items()})
    except ValidationError as exc:
        faults.extend(_pydantic_faults(plan, exc))
        return {}
    result: dict[str, object] = {}
    for part in plan.fields:
        value = getattr(row, part.field.name)
        if part.field.wire not in given and (value is None or not create):
            continue
        try:
            result[part.field.wire] = to_json_value(part.field, value)
        except BadValueError as exc:
            faults.append(_Fault(exc.code, part.field.name, exc.reason, exc.remedy))
    return result


def _pydantic_faults(plan: WritePlan, exc: ValidationError) -> list[_Fault]:
    faults = []
    for error in exc.errors(include_url=False):
        part = plan.by_spelling.get(str(error["loc"][0])) if error["loc"] else None
        path = ".".join(str(step) for step in error["loc"][1:])
        kind = error["type"]
        code = "validation_failed"
        if kind.endswith(_MISMATCH_TYPES) or kind == "missing":
            code = "column_type_mismatch"
        elif kind in ("enum", "literal_error"):
            code = "check_violation"
        at = f"at {path[:100]}: " if path else ""
        got = f", got {shape(error['input'])}" if part is not None else ""
        says, remedy = f"{at}{error['msg'][:300]}", "pass a value that the class accepts"
        if part is not None and not path and part.field.rules and kind in _RULE_TYPES:
            code, says, remedy = "check_violation", say_rules(part.field), FOLLOW
        faults.append(_Fault(code, part.field.name if part else None, f"{says}{got}", remedy))
    return faults


def _raise_first(faults: list[_Fault], label: str) -> None:
    if not faults:
        return
    first = faults[0]
    where = label if first.field is None else f"{label}.{first.field}"
    more = f"; and {len(faults) - 1} more" if len(faults) > 1 else ""
    raise error_for(
        first.code,
        f"{where}: {first.reason}{more}",
        model=label,
        field=first.field,
        remedy=first.remedy,
        details={
            "problems": [
                {
                    "code": fault.code,
                    "model": label,
                    "field": fault.field,
                    "message": fault.reason,
                    "remedy": fault.remedy,
                }
                for fault in faults[:100]
            ]
        },
    )
