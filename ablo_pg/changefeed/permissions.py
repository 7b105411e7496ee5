"""What the models of the active schema let whom read: the stream's side of `ablo_model.sees`.

`view.seen` asks for each delta of a model that limits reading. The predicate becomes a test of
Python values, one for each actor, on the row after the change, or on the row before it, which is
the row with the values of `before`.
"""

from __future__ import annotations

import re
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, TypeAlias, cast

import msgspec

from ablo_pg.delta import Delta
from ablo_pg.errors import error_for
from ablo_pg.json_text import Json
from ablo_pg.predicate.evaluate import UNKNOWN, Get, compile_test
from ablo_pg.predicate.permission import ACTOR, actor_of, permission_fields
from ablo_pg.schema.neutral import READ, Field, FieldType, ModelSpec, SchemaSpec, named_fields

_KEPT: Final = 4096  # tests of models and actors, the most recently used
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TYPES: Final[dict[FieldType, type]] = {
    FieldType.STRING: str,
    FieldType.ENUM: str,
    FieldType.UUID: str,
    FieldType.INTEGER: int,
    FieldType.BOOLEAN: bool,
}
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode: Final = msgspec.json.Decoder(dict[str, object]).decode
Values: TypeAlias = Mapping[str, object]


class Permissions:
    """The permissions to read of one database's models, by typename.

    guarded: the models whose reading is limited; None for one that is no longer declared and was
    so limited: no participant may read what is left of it.
    """

    def __init__(self) -> None:
        self.guarded: Mapping[str, ModelSpec | None] = {}
        self._names: Mapping[str, str] = {}
        self._open: set[str] = set()
        self._tests: OrderedDict[tuple[str, str], Callable[[object], bool]] = OrderedDict()
        self._hidden: OrderedDict[tuple[str, str], frozenset[str]] = OrderedDict()
        self._last: tuple[Delta, Values | None, Values | None] | None = None

    def learn(self, spec: SchemaSpec, closed: Iterable[str] = ()) -> None:
        """Judge by this schema from here on. closed: typenames, `ablo.models_closed`."""
        found: dict[str, ModelSpec | None] = dict.fromkeys(closed)
        found |= {
            m.typename: m for m in spec.models if m.permission("read") is not None or m.hides_fields
        }
        if found != self.guarded:
            self.guarded = found
            self._names = {name.lower(): name for name in found}
            self._tests.clear()
            self._hidden.clear()
        self._open = {m.typename.lower() for m in spec.models} - self._names.keys()

    def judge(self, delta: Delta, participant: str) -> tuple[bool, bool]:
        """Return whether an actor may read the row before a change, and after it."""
        if self._last is None or self._last[0] is not delta:
            self._last = (delta, *_rows(delta))
        _, then, now = self._last
        test = self._test(delta.model, participant)
        return then is not None and test(then), now is not None and test(now)

    def had(self, delta: Delta, participant: str | None) -> bool:
        """Whether an actor may read the row before a change; None: one that judges nothing."""
        if participant is None or delta.model not in self.guarded:
            return True
        return self.judge(delta, participant)[0]

    def reads(self, model: str, row: Values | None, participant: str) -> bool:
        """Whether an actor may read a row; model: its typename in any case.

        A name of no model may stand for one that limits reading.
        """
        typename = self._names.get(model.lower())
        if typename is None:
            return not self.guarded or model.lower() in self._open
        return bool(row) and self._test(typename, participant)(row)

    def hidden(self, typename: str, participants: Iterable[str | None]) -> frozenset[str]:
        """Return the keys of a model's rows that none of these actors may read.

        The mirror of `ablo_model.hidden`. None: a reader that judges nothing.
        """
        model = self.guarded.get(typename)
        if model is None or not model.hides_fields:
            return frozenset()
        found = [self._keys(model, one) if one else frozenset[str]() for one in participants]
        return frozenset.intersection(*found) if found else frozenset()

    def require(
        self, typename: str, names: Collection[str], participants: Iterable[str | None]
    ) -> None:
        """Raise permission_denied unless one of these actors may read all fields that are named."""
        for name in self.hidden(typename, participants).intersection(names):
            raise error_for(
                "permission_denied",
                f"{typename}: this participant may no longer read the field {name}",
                model=typename,
                field=name,
                remedy="begin again without it; see field(read=...) in the schema",
            )

    def shown(self, delta: Delta, participants: Iterable[str | None]) -> Delta:
        """Return a change without the fields that none of these actors may read."""
        hidden = self.hidden(delta.model, participants)
        if not hidden:
            return delta
        before = delta.before
        if before is not None:
            kept = {name: one for name, one in _members(before).items() if name not in hidden}
            before = msgspec.json.encode(kept)
        return delta._replace(
            row=None if delta.row is None else without(delta.row, hidden),
            before=before,
            changed=tuple(name for name in delta.changed if name not in hidden),
        )

    def _keys(self, model: ModelSpec, participant: str) -> frozenset[str]:
        known = self._hidden.get((model.typename, participant))
        if known is not None:
            self._hidden.move_to_end((model.typename, participant))
            return known
        made = frozenset(
            key
            for field in model.fields
            if (test := model.permission(READ + field.wire)) is not None
            and not self._made(model, cast("Json", test), READ, participant)({})
            for key in (field.wire, *field.formerly)
        )
        self._hidden[model.typename, participant] = made
        if len(self._hidden) > _KEPT:
            self._hidden.popitem(last=False)
        return made

    def _test(self, typename: str, participant: str) -> Callable[[object], bool]:
        known = self._tests.get((typename, participant))
        if known is not None:
            self._tests.move_to_end((typename, participant))
            return known
        model = self.guarded[typename]
        if model is None:
            return lambda row: False
        test = model.permission("read")
        if test is None:
            return lambda row: True
        made = self._made(model, cast("Json", test), "read", participant)
        self._tests[typename, participant] = made
        if len(self._tests) > _KEPT:
            self._tests.popitem(last=False)
        return made

    def _made(
        self, model: ModelSpec, test: Json, verb: str, participant: str
    ) -> Callable[[object], bool]:
        named = permission_fields(named_fields(model), verb)
        fields = {field.wire: field for field in named.values()}
        actor = actor_of(participant)

        def attribute(field: Field) -> Get:
            if field.wire in ACTOR:
                value = actor[field.wire]
                return lambda row: value
            return _value(field)

        return compile_test([test], fields, attribute, gaps=True)


def without(row: bytes, hidden: frozenset[str]) -> bytes:
    """Return a row's JSON with null in place of some keys: the mirror of `ablo.row_without`."""
    nothing = msgspec.Raw(b"null")
    members = _members(row)
    return msgspec.json.encode(members | dict.fromkeys(hidden, nothing))


def _rows(delta: Delta) -> tuple[Values | None, Values | None]:
    """Return the row before and after; None: there was none, or it is not known."""
    before = None if delta.before is None else _decode(delta.before)
    now = None if delta.row is None else _decode(delta.row)
    return None if before is None else {**(now or {}), **before}, now


def _value(field: Field) -> Get:
    """Return how a field is read: what an earlier schema logged may lack it, or its type."""
    names, kind = (field.wire, *field.formerly), _TYPES.get(field.type)

    def value(row: object) -> object:
        values = cast("Values", row)
        found = next((values[name] for name in names if name in values), UNKNOWN)
        if kind is None or found is None or found is UNKNOWN:
            return found
        if type(found) is not kind:
            return UNKNOWN
        if isinstance(found, int):
            return found if -(2**63) <= found < 2**63 else UNKNOWN
        if field.type is FieldType.UUID and isinstance(found, str):
            return uuid.UUID(found) if _UUID.fullmatch(found) else UNKNOWN
        return found

    return value
