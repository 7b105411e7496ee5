"""What an author declares with a condition: `check("due_date >= start_date")`, `index(...)`.

`schema.specs` reads them when the schema is defined; `compile` makes a CHECK or an index of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import wraps
from typing import Any

from ablo_pg.json_text import Json
from ablo_pg.predicate.expression import expressed
from ablo_pg.predicate.operands import CLOCK, Fields, Refused
from ablo_pg.predicate.permission import permission_fields, require_judged
from ablo_pg.predicate.text import parse
from ablo_pg.schema import declare
from ablo_pg.schema.declare import ConditionDeclaration, Permission, PermissionDeclaration
from ablo_pg.schema.rows import Model


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


def allow(
    *,
    read: Permission | None = None,
    create: Permission | None = None,
    update: Permission | None = None,
    delete: Permission | None = None,
) -> PermissionDeclaration:
    """Declare which rows an actor may read and write, for every client, the stream and plain SQL.

        class Task(Model):
            owner_id: str
            status: Literal["draft", "public"] = "draft"
            permissions = allow(
                read="owner_id = actor.user_id or status = 'public'",
                update="owner_id = actor.user_id",
                delete="owner_id = actor.user_id and status = 'draft'",
            )

    Each is SQL over the row's fields and the actor (`actor.id`, `actor.kind`, `actor.user_id`), its
    JSON form, or an expression of columns; a function returns one that names the model's own class:
    `read=lambda: actor.user_id == Task.owner_id`. A row that may not be read is for that actor as
    if it did not exist. What is left out is allowed for every row that the actor can read.

    Args:
        read: which rows can be seen; they also bound update and delete.
        create: which rows can be made.
        update: which rows can be changed (also archived), and into what: it holds before and after
            the change. `old.` and `new.` tell the two apart: `new.owner_id = old.owner_id`.
        delete: which rows can be deleted.
    """
    given = {"read": read, "create": create, "update": update, "delete": delete}
    tests = {verb: test for verb, test in given.items() if test is not None}
    return PermissionDeclaration(_read_permission, tests)


@wraps(declare.field)
def field(**options: Any) -> Any:
    """`schema.declare.field`, which type checkers see in its place, with what reads SQL."""
    return declare.field(permission_reader=_read_permission, **options)


def _read_permission(
    model: str, row: type[Model], verb: str, given: object, fields: Fields
) -> Json:
    named = permission_fields(fields, verb)
    if isinstance(given, str):
        found = parse(model, given, (), named)
    else:
        found = expressed(model, row, given, named)
    try:
        require_judged(found, {field.wire: field for field in named.values()})
    except Refused as exc:
        raise exc.at(model, str(given)[:60]) from None
    return found


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
