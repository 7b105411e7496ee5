"""JSON schemas of request bodies, from the structs that parse them. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import fields


def body_schema(kind: type[msgspec.Struct]) -> dict[str, object]:
    """Return the JSON schema of a struct; members that are passed through may be anything.

    >>> body_schema(msgspec.defstruct("Pair", [("id", str), ("more", msgspec.Raw, msgspec.Raw())]))
    {'type': 'object', 'properties': {'id': {'type': 'string'}, 'more': {}}, 'required': ['id']}
    """
    properties = {each.encode_name: type_schema(each.type) for each in fields(kind)}
    required = [each.encode_name for each in fields(kind) if each.required]
    found: dict[str, object] = {"type": "object", "properties": properties}
    return found | ({"required": required} if required else {})


def type_schema(kind: Any) -> dict[str, object]:
    """Return the complete JSON schema of a field's type."""
    if kind is msgspec.Raw:
        return {}
    found = msgspec.json.schema(kind)
    inside = found.pop("$defs", {})
    whole: dict[str, object] = _inlined(found, inside)
    return whole


def _inlined(schema: Any, inside: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(each, inside) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        named = inside[schema["$ref"].rpartition("/")[2]]
        return _inlined({key: value for key, value in named.items() if key != "title"}, inside)
    return {key: _inlined(value, inside) for key, value in schema.items()}
