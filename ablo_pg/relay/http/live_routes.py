"""A live query as Server-Sent Events: the rows, then what changes in them.

`GET /api/v1/models/{model}/live?where=` takes the parameters of the list. The first event is a
`snapshot`; then come `enter`, `update`, `move` and `leave`. The last event of each step has an id:
a client that resumes there continues without a snapshot if nothing has changed since.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg.relay.http.bootstrap_routes import groups_of
from ablo_pg.relay.http.call import TICKET, Call, route
from ablo_pg.relay.http.live_rows import LiveRows, live_rows, step_json
from ablo_pg.relay.http.model_routes import MODEL, model_of
from ablo_pg.relay.http.stream_routes import EventStream
from ablo_pg.wire.frames import cursor_of


async def live(call: Call) -> Response:
    """GET: the rows of a list, and what changes in them, without end."""
    model = await model_of(call, "read")
    params = call.request.query_params
    pairs = [one for one in params.multi_items() if one[0] != TICKET or not call.ticketed]
    rows = live_rows(call, model, pairs, groups_of(call).views)
    try:
        await rows.begin(cursor_of(call.request.headers.get("last-event-id")))
    except BaseException:
        await rows.aclose()
        raise
    return EventStream(call, _LiveEvents(rows))


class _LiveEvents:
    """The `Events` of a live query."""

    def __init__(self, rows: LiveRows) -> None:
        self._rows = rows

    async def first(self) -> bytes:
        """See Events."""
        rows, stamp = b",".join(self._rows.rows_now()), self._rows.stamp
        if self._rows.resumed:
            return b"id: %d\n\n" % stamp
        return _event("snapshot", b'{"stamp":%d,"rows":[%b]}' % (stamp, rows), stamp)

    async def more(self) -> bytes:
        """See Events."""
        steps = await self._rows.steps()
        last, stamp = len(steps) - 1, self._rows.stamp
        return b"".join(
            _event(step.kind, step_json(step, row), stamp if n == last else None)
            for n, (step, row) in enumerate(steps)
        )

    async def aclose(self) -> None:
        """See Events."""
        await self._rows.aclose()


def _event(kind: str, data: bytes, stamp: int | None) -> bytes:
    """Return an event. A line break inside JSON only separates tokens, and would end its line."""
    line = data.replace(b"\r", b" ").replace(b"\n", b" ")
    head = b"" if stamp is None else b"id: %d\n" % stamp
    return b"%bevent: %b\ndata: %b\n\n" % (head, kind.encode(), line)


ROUTES: Final[list[BaseRoute]] = [route(f"{MODEL}/live", live, deadline=False, tickets=True)]
