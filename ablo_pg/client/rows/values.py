"""`data` and filter values as JSON under wire names; errors name model and field.

Pure. `schema.values` decides what one value may be; the database decides the rest.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from ablo_pg.client.names import Entry
from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import Json
from ablo_pg.schema.inputs import encode_value as encode_filter_value
from ablo_pg.schema.inputs import validate_create, validate_update
from ablo_pg.schema.neutral import Field


def encode_data(model: Entry, action: str, data: Mapping[str, object]) -> dict[str, object]:
    """Return `data` under wire names, with defaults for a new row.

    Raises unknown_field, column_type_mismatch, not_null_violation, check_violation,
    request_too_large or validation_failed.
    """
    check = validate_create if action == "create" else validate_update
    return check(model.row, data, key=model.key)


def encode_value(model: Entry, field: Field, value: object) -> Json:
    """Return the JSON spelling of a value that a field is compared with."""
    return encode_filter_value(model.row, field.name, value, key=model.key)


def mismatch(model: Entry, field: Field, what: str) -> AbloError:
    """Return the column_type_mismatch for one field."""
    return error_for(
        "column_type_mismatch",
        f"{model.key}.{field.name}: {what}",
        model=model.key,
        field=field.name,
        remedy=f"pass a value that a {field.type.value} field can hold",
    )


def encode_id(model: str, row_id: object) -> str:
    """Return a row id as text. Raises invalid_id."""
    text = str(row_id) if isinstance(row_id, uuid.UUID) else row_id
    if isinstance(text, str) and text and "\x00" not in text and _is_text(text):
        return text
    raise error_for(
        "invalid_id",
        f"{model}: {str(row_id)[:40]!r} is not an id",
        model=model,
        field="id",
        remedy="pass a non-empty str, or a UUID",
    )


def _is_text(text: str) -> bool:
    """Lone surrogates cannot be sent."""
    return text.isascii() or not any("\ud800" <= one <= "\udfff" for one in text)
