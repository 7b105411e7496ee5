"""Lists: translates a query string to the kernel's query, and its page to an answer. Pure.

`where` is a predicate, as SQL text or as JSON. Every parameter that is not reserved is an equality
filter on a field, given once. Values are text and are parsed by the field's type; fields have their
wire name or their column's. `archived`, `where` and `include` are reserved unless a field has that
name. `include=project,messages` nests related rows under the relation's name.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import orjson

from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import Decoder, dumps
from ablo_pg.predicate.operands import Fields
from ablo_pg.predicate.text import parse
from ablo_pg.schema.neutral import Field, FieldType
from ablo_pg.wire.results import RelatedRead

RESERVED: Final = frozenset({"limit", "order_by", "order", "starting_after"})
YIELDING: Final = frozenset({"archived", "where", "include"})  # to a field of that name
_RESERVED: Final = sorted(RESERVED | YIELDING)
DEFAULT_LIMIT: Final = 100
FILTERS: Final = 50


class Page(msgspec.Struct, frozen=True, rename="camel"):
    """One page from the kernel; rows and evidence stay bytes."""

    data: msgspec.Raw
    evidence: msgspec.Raw
    stamp: int
    has_more: bool
    next_cursor: str | None = None
    compares: dict[str, str | None] = {}
    related: dict[str, RelatedRead] = {}


PAGE: Final = Decoder(Page)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A requested list. starting_after: a cursor of ours, or a row's id. include: relations."""

    where: tuple[object, ...]
    order_by: tuple[tuple[str, str], ...]
    limit: int
    starting_after: str | None
    archived: bool
    include: tuple[str, ...] = ()

    def kernel_query(self, cursor: str | None, **more: object) -> bytes:
        """Return it in the form of `ablo.row_list`, from `cursor` on. more: further members."""
        query: dict[str, object] = {
            "where": self.where,
            "orderBy": self.order_by,
            "limit": self.limit,
            "archived": self.archived,
            **more,
        }
        if cursor is not None:
            query["after"] = cursor
        return dumps(query)

    def cursor_of(self, row: Mapping[str, bytes]) -> str:
        """Return the cursor after a row of this list, given as its members: strings, or null."""
        terms = [field for field, _ in self.order_by]
        if "id" not in terms:
            terms.append("id")
        values = [row.get(field, b"null") for field in terms[: terms.index("id") + 1]]
        texts = [one if one[:1] in (b'"', b"n") else b'"%b"' % one for one in values]
        return base64.b64encode(b"[%b]" % b",".join(texts)).decode()


def is_cursor(text: str) -> bool:
    """Distinguish a cursor of ours from a row's id: the base64 of a JSON array."""
    try:
        return isinstance(json.loads(base64.b64decode(text, validate=True)), list)
    except ValueError:
        return False


def read_query(
    model: str, pairs: Iterable[tuple[str, str]], fields: Fields, most: int
) -> ListQuery:
    """Read a query string.

    Raises invalid_request, query_invalid_identifier, column_type_mismatch.
    """
    said: dict[str, str] = {}
    seen: set[str] = set()
    where: list[object] = []
    for name, value in pairs:
        if name in seen:
            raise _bad(name[:80], f"{name[:80]} is given twice", "give it once, or use where")
        seen.add(name)
        if name in RESERVED or (name in YIELDING and name not in fields):
            said[name] = value
        else:
            where.append(_filter(name, value, fields))
    where += _where(model, said.get("where", ""), fields)
    if len(where) > FILTERS:
        raise _bad(
            "where", f"{len(where)} filters in one list; the limit is {FILTERS}", "use fewer"
        )
    return ListQuery(
        tuple(where),
        _order(said.get("order_by"), said.get("order"), fields),
        _limit(said.get("limit"), most),
        said.get("starting_after") or None,
        _archived(said.get("archived")),
        names_in(said.get("include")),
    )


def names_in(text: str | None) -> tuple[str, ...]:
    """Return the names of an `include` parameter."""
    return tuple(filter(None, (text or "").split(",")))


def page_body(model: str, page: Page) -> bytes:
    """Return the answer of a list; rows are passed on as the database spelled them."""
    head = orjson.dumps({"object": "list", "model": model})[:-1]
    tail = orjson.dumps(
        {"has_more": page.has_more, "next_cursor": page.next_cursor, "stamp": page.stamp}
    )
    return b'%b,"data":%b,"evidence":%b,%b' % (head, page.data, page.evidence, tail[1:])


def _where(model: str, text: str, fields: Fields) -> list[object]:
    """Return the predicates of `where`; the kernel checks those that are JSON."""
    if not text:
        return []
    if text[0] not in "[{":
        return [parse(model, text, (), fields)]
    try:
        nodes = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise _bad("where", "where is not JSON", "pass SQL text, or a predicate as JSON") from None
    clause = isinstance(nodes, list) and isinstance(next(iter(nodes), None), str)
    return [nodes] if clause or isinstance(nodes, dict) else nodes


def _filter(name: str, value: str, fields: Fields) -> tuple[str, str, object]:
    field = _field(name, fields)
    return field.wire, "=", _value(field.wire, field.type, value)


def _field(name: str, fields: Fields) -> Field:
    found = fields.get(name)
    if found is None:
        raise error_for(
            "query_invalid_identifier",
            f"{name[:80]!r} is not a field of this model",
            field=name[:80],
            remedy="filter and order by its fields; reserved are "
            + ", ".join(sorted(RESERVED | YIELDING)),
        )
    return found


def _value(wire: str, kind: FieldType, text: str) -> object:
    """Parse text by its field's type; what only the database can judge is passed on as text."""
    if kind is FieldType.BOOLEAN:
        if text not in ("true", "false"):
            raise _mismatch(wire, kind)
        return text == "true"
    if kind is FieldType.JSON:
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return text
    return text


def _order(field: str | None, direction: str | None, fields: Fields) -> tuple[tuple[str, str], ...]:
    if direction not in (None, "asc", "desc"):
        raise _bad("order", f"order is {direction[:20]!r}", "asc or desc")
    if field is None:
        return () if direction is None else (("id", direction),)
    return ((_field(field, fields).wire, direction or "asc"),)


def _limit(text: str | None, most: int) -> int:
    if text is None:
        return min(DEFAULT_LIMIT, most)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise _bad("limit", f"limit is {text[:20]!r}", f"a whole number from 1 to {most}")
    return int(text)


def _archived(text: str | None) -> bool:
    if text not in (None, "true", "false"):
        raise _bad("archived", f"archived is {text[:20]!r}", "true or false")
    return text == "true"


def _bad(field: str, message: str, remedy: str) -> AbloError:
    return error_for("invalid_request", message, field=field, remedy=remedy)


def _mismatch(wire: str, kind: FieldType) -> AbloError:
    return error_for(
        "column_type_mismatch",
        f"{wire} is of type {kind.value}, and the given value is not",
        field=wire,
        remedy="true or false",
    )
