"""Filters and ordering on local rows: the grammar of `where`, evaluated here instead of in SQL.

Pure. NULL is as in SQL: compared with anything it is neither equal nor unequal. Text is ordered by
code point; a database may use another collation.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from ablo_pg.client.names import Entry
from ablo_pg.client.rows.where import Clause, OrderBy, Where, clauses, ordering
from ablo_pg.json_text import RawJson, same
from ablo_pg.schema.neutral import FieldType
from ablo_pg.schema.rows import Model, unread_fields

Test = Callable[[Model], bool]

_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matcher(entry: Entry, where: Where | None) -> Test:
    """Return the test of whether a row matches. Raises as `list` does."""
    tests = [_test(entry, clause) for clause in clauses(entry, where)]
    return lambda row: all(test(row) for test in tests)


def ordered(entry: Entry, rows: Iterable[Model], order_by: OrderBy | None) -> list[Model]:
    """Return rows in order, ties and no order by id, NULL last either way. Raises as `list`."""
    found = sorted(rows, key=lambda row: row.id)
    for wire, direction in reversed(ordering(entry, order_by)):
        name, descending = entry.python(wire), direction == "desc"
        some = [row for row in found if getattr(row, name) is not None]
        none = [row for row in found if getattr(row, name) is None]
        some.sort(key=lambda row: _place(row, name), reverse=descending)
        found = [*some, *none]
    return found


def _test(entry: Entry, clause: Clause) -> Test:
    wire, word, given = clause
    name = entry.python(wire)
    if word in ("is", "is_not"):
        return lambda row: (getattr(row, name) is None) == (word == "is")
    if word in ("like", "not_like", "ilike", "not_ilike"):
        pattern = like(given, ignore_case="ilike" in word)
        return _known(name, lambda value: bool(pattern.fullmatch(value)) != word.startswith("not"))
    if entry.fields[wire].type is FieldType.JSON:
        return _known(name, lambda value: same(_json(value), given) == (word == "="))
    kind: Any = entry.row.model_fields[name].annotation
    read = TypeAdapter(kind).validate_python
    if word in ("in", "not_in"):
        values = [read(one) for one in given]
        return _known(name, lambda value: (value in values) == (word == "in"))
    wanted, compare = read(given), _COMPARE[word]
    return _known(name, lambda value: compare(value, wanted))


def _known(name: str, test: Callable[[Any], bool]) -> Test:
    """Return a test of a field's value; NULL does not pass."""

    def holds(row: Model) -> bool:
        value = getattr(row, name)
        try:
            return value is not None and test(value)
        except TypeError:  # an unread value, of another type
            return False

    return holds


def like(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    r"""Translate a LIKE pattern to a regular expression: % any text, _ one character, \ escapes.

    >>> bool(like(r"50\% o_f", ignore_case=False).fullmatch("50% off"))
    True
    """
    parts: list[str] = []
    characters: Sequence[str] = re.findall(r"\\.|.", pattern, re.DOTALL)
    for one in characters:
        parts.append({"%": ".*", "_": "."}.get(one, re.escape(one[-1])))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _place(row: Model, name: str) -> tuple[bool, Any]:
    """Return a row's sort key by one field: values without a type sort above all others."""
    value = getattr(row, name)
    odd = name in unread_fields(row) or value != value  # NaN
    return odd, str(value) if odd or isinstance(value, dict | list) else value


def _json(value: Any) -> Any:
    """Return a field's value as JSON; an unread value equals nothing."""
    return value if isinstance(value, RawJson) else to_jsonable_python(value)
