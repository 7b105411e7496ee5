"""Validators of whole rows, on updates in commits and on guarded ones: the row is read and checked.

A row may change between that and the commit; a commit that must not miss it has the row among its
`reads`. An update outside a commit is held to the row that was checked, see `functional`. Models
without such validators cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ablo_pg.client.rows.decode import row_of
from ablo_pg.client.session import Session
from ablo_pg.schema.inputs import judges_rows, validate_whole
from ablo_pg.schema.rows import Model, changed_row
from ablo_pg.wire.kernel_bodies import RowBody
from ablo_pg.wire.kernel_calls import ROW_GET


async def check_rows(session: Session, operations: Iterable[dict[str, Any]]) -> None:
    """Check the updates among operations in wire form; their data becomes what validators return.

    A row that does not exist is not checked: the commit says that it is missing. Raises
    validation_failed.
    """
    rows: dict[tuple[str, str], Model | None] = {}
    for one in operations:
        entry = session.registry.entry(one["model"])
        if one["action"] != "update" or not judges_rows(entry.row):
            continue
        place = (entry.key, one["id"])
        if place not in rows:
            found = await session.transport.ask(ROW_GET, RowBody(entry.typename, one["id"]))
            made = None if found.data is None else row_of(entry, found.data, found.stamp)
            rows[place] = made
        row = rows[place]
        if row is not None:
            one["data"] = validate_whole(entry.row, row, one["data"], key=entry.key)
            rows[place] = changed_row(row, one["data"])
