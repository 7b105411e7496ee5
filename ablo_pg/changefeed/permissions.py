"""What the models of the active schema let whom read: the stream's side of `ablo_model.sees`.

`view.seen` asks for each delta of a model that limits reading. The predicate becomes a test of
Python values, one for each actor, on the row after the change, or on the row before it, which is
the row with the values of `before`.
"""

from __future__ import annotations

import re
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias, cast

import msgspec

from ablo_pg.delta import Delta
from ablo_pg.json_text import Json
from ablo_pg.predicate.evaluate import UNKNOWN, Get, compile_test
from ablo_pg.predicate.permission import ACTOR, actor_of, permission_fields
from ablo_pg.schema.neutral import Field, FieldType, ModelSpec, SchemaSpec, named_fields

_KEPT: Final = 4096  # tests of models and actors, the most recently used
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TYPES: Final[dict[FieldType, type]] = {
    FieldType.STRING: str,
    FieldType.ENUM: str,
    FieldType.UUID: str,
    FieldType.INTEGER: int,
    FieldType.BOOLEAN: bool,
}
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
        self._last: tuple[Delta, Values | None, Values | None] | None = None

    def learn(self, spec: SchemaSpec, closed: Iterable[str] = ()) -> None:
        """Judge by this schema from here on. closed: typenames, `ablo.models_closed`."""
        found: dict[str, ModelSpec | None] = dict.fromkeys(closed)
        found |= {m.typename: m for m in spec.models if m.permission("read") is not None}
        if found != self.guarded:
            self.guarded = found
            self._names = {name.lower(): name for name in found}
            self._tests.clear()
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

    def _test(self, typename: str, participant: str) -> Callable[[object], bool]:
        known = self._tests.get((typename, participant))
        if known is not None:
            self._tests.move_to_end((typename, participant))
            return known
        model = self.guarded[typename]
        if model is None:
            return lambda row: False
        named = permission_fields(named_fields(model), "read")
        fields = {field.wire: field for field in named.values()}
        actor = actor_of(participant)

        def attribute(field: Field) -> Get:
            if field.wire in ACTOR:
                value = actor[field.wire]
                return lambda row: value
            return _value(field)

        test = cast("Json", model.permission("read"))
        made = compile_test([test], fields, attribute, gaps=True)
        self._tests[typename, participant] = made
        if len(self._tests) > _KEPT:
            self._tests.popitem(last=False)
        return made


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
