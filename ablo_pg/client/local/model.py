"""`ablo.tasks.local`: the rows of one model in the local copy, without a round trip."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar, cast

from ablo_pg.client.local.where import matcher, ordered
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.values import encode_id
from ablo_pg.client.rows.where import OrderBy, Where
from ablo_pg.client.session import Session
from ablo_pg.errors import error_for
from ablo_pg.schema.rows import Model

RowT = TypeVar("RowT", bound=Model)


class LocalModel(Generic[RowT]):
    """Reads the local copy of one model, from any thread; no call waits.

    It exists after `ready()` of a client that was made with `local=True`, or with this model in
    `local=[...]`. It holds the rows that are not archived, and the client's own queued writes.
    """

    def __init__(self, session: Session, entry: Entry) -> None:
        self._session = session
        self._entry = entry

    @property
    def position(self) -> int:
        """The sync id up to which changes are applied."""
        self._rows()
        copy = self._session.local.copy
        return 0 if copy is None else copy.position or 0

    def get(self, id: str) -> RowT | None:
        """Return the row, or None."""
        row_id = encode_id(self._entry.key, id)
        copy = self._session.local.copy
        if copy is None:
            raise _none(self._entry)
        return cast("RowT | None", copy.get(self._entry, row_id))

    def list(
        self,
        where: Where | None = None,
        *,
        order_by: OrderBy | None = None,
        limit: int | None = None,
    ) -> list[RowT]:
        """Return rows; where and order_by as in `ModelClient.list`. limit: no limit by default."""
        if limit is not None and (isinstance(limit, bool) or limit < 0):
            raise error_for(
                "invalid_options",
                f"limit cannot be {limit!r}",
                model=self._entry.key,
                field="limit",
                remedy="pass a number of rows, or leave it out",
            )
        wanted = matcher(self._entry, where)
        rows = ordered(self._entry, filter(wanted, self._rows()), order_by)
        return cast("list[RowT]", rows if limit is None else rows[:limit])

    def count(self, where: Where | None = None) -> int:
        """Return how many rows there are."""
        wanted = matcher(self._entry, where)
        return sum(map(wanted, self._rows()))

    def _rows(self) -> Iterable[Model]:
        copy = self._session.local.copy
        if copy is None:
            raise _none(self._entry)
        return copy.rows(self._entry)


def _none(entry: Entry) -> Exception:
    return error_for(
        "invalid_options",
        f"There is no local copy of {entry.key}",
        model=entry.key,
        field="local",
        remedy="pass local=True (or the models) to the client, and call ready() first",
    )
