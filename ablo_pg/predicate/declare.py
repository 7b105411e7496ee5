"""What an author declares with a condition: `check("due_date >= start_date")`, `index(...)`.

`schema.specs` reads them when the schema is defined; `compile` makes a CHECK or an index of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ablo_pg.json_text import Json
from ablo_pg.predicate.operands import CLOCK, Fields, Refused
from ablo_pg.predicate.text import parse
from ablo_pg.schema.declare import ConditionDeclaration


def check(condition: str | Mapping[str, object], /) -> ConditionDeclaration:
    """Declare a condition on every row of a model, which becomes a CHECK of its table.

        class Task(Model):
            start_date: date
            due_date: date | None = None
            dates_in_order = check("due_date >= start_date")

    A write that breaks it, by any client or plain SQL, is refused (`check_violation`). As in SQL, a
    condition that is unknown because a value is null is not broken: add `and due_date is not null`,
    or declare the field without `| None`.

    Args:
        condition: SQL over the fields of the row, as `where` takes it, without the current time; or
            its JSON form. The class attribute's name names the constraint.
    """
    return ConditionDeclaration("check", _read, condition)


def index(
    *fields: str, unique: bool = False, where: str | Mapping[str, object] | None = None
) -> ConditionDeclaration:
    """Declare an index over fields, of which the organization is always the first column.

        class User(Model):
            email: str
            one_account = index("email", unique=True, where="archived_at is null")

    Args:
        fields: names of the model's fields, in the index's order.
        unique: no two rows of an organization have the same values; rows with a null always differ.
        where: which rows are in it, as for `check`; default: all.
    """
    return ConditionDeclaration("index", _read, where, fields, unique)


def _read(model: str, text: str, parameters: Sequence[object], fields: Fields) -> Json:
    """Parse a condition that does not change with the time. Raises as `parse`."""
    found = parse(model, text, parameters, fields)
    if _reads_clock(found):
        raise Refused(*CLOCK).at(model, text[:60])
    return found


def _reads_clock(node: object) -> bool:
    if isinstance(node, Mapping):
        return "now" in node or any(map(_reads_clock, node.values()))
    return isinstance(node, list) and any(map(_reads_clock, node))
