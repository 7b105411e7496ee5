"""Live queries of a socket: as many as it asks for, each with an id that its client chose.

`live_begin` is answered by `live_snapshot`, then `live_events`; each frame has the steps of whole
commits, up to its stamp. `live_ended` comes if a query is refused or fails. A socket that reads
slowly gets the steps later: its queries then take many commits at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import anyio
import orjson

from ablo_pg.errors import AbloError, error_for
from ablo_pg.json_text import dumps
from ablo_pg.relay.http.call import Caller
from ablo_pg.relay.http.live_rows import LiveRows, live_rows, step_json
from ablo_pg.relay.http.model_routes import model_named
from ablo_pg.relay.service import RelayService
from ablo_pg.relay.ws.groups import SocketGroups
from ablo_pg.relay.ws.outbox import Outbox
from ablo_pg.relay.ws.session import Lives, Session
from ablo_pg.wire.frames import Frame, LiveBegin, LiveEnd, text_of
from ablo_pg.wire.limits import SOCKET_QUERIES
from ablo_pg.wire.problems import problem_body


@dataclass(frozen=True, slots=True)
class LiveFrames:
    """Handles the frames of live queries."""

    service: RelayService

    async def begin(self, session: Session, frame: Frame) -> None:
        """live_begin: the rows, and what changes in them from then on."""
        live_id = text_of(frame, "liveId")
        try:
            asked = await session.payload(frame, LiveBegin)
            lives = session.lives = session.lives or Lives(session.outbox)
            check_room(lives.scopes, live_id)
            caller = Caller(self.service, session.credential)
            model = await model_named(caller, asked.model, "read")
            settings, permissions = self.service.settings, self.service.hub.permissions
            groups = SocketGroups(caller.credential, settings.subscriptions, None, permissions)
            pairs = [(name, _text(value)) for name, value in asked.query.items()]
            rows = live_rows(caller, model, pairs, groups.views, lives.turn)
        except AbloError as exc:
            await _ended(session, live_id, exc)
            return
        scope = lives.scopes[live_id] = anyio.CancelScope()

        async def run() -> None:
            try:
                with scope:
                    await _send(session.outbox, live_id, rows)
            except AbloError as exc:
                await _ended(session, live_id, exc)
            finally:
                if lives.scopes.get(live_id) is scope:
                    del lives.scopes[live_id]
                with anyio.CancelScope(shield=True):
                    await rows.aclose()

        session.start(run)

    async def end(self, session: Session, frame: Frame) -> None:
        """live_end: nothing more of it is sent."""
        live_id = (await session.payload(frame, LiveEnd)).live_id
        if session.lives is not None and live_id in session.lives.scopes:
            session.lives.scopes.pop(live_id).cancel()


def check_room(taken: Mapping[str, object], live_id: str) -> None:
    """Refuse an id that is taken, and one query more than a socket may have."""
    if live_id in taken:
        raise error_for(
            "invalid_request",
            "this socket has a live query of that id",
            field="liveId",
            remedy="end it first, or choose another id",
        )
    if len(taken) >= SOCKET_QUERIES:
        raise error_for(
            "quota_exceeded",
            f"This socket has {SOCKET_QUERIES} live queries, the maximum",
            field="liveId",
            remedy="end some, or open another socket",
            details={"limit": SOCKET_QUERIES},
        )


async def _send(outbox: Outbox, live_id: str, rows: LiveRows) -> None:
    name = orjson.dumps(live_id)
    await rows.begin(None)
    shown = b",".join(rows.rows_now())
    await outbox.send(
        b'{"type":"live_snapshot","payload":{"liveId":%b,"stamp":%d,"rows":[%b]}}'
        % (name, rows.stamp, shown)
    )
    while True:
        if steps := await rows.steps():
            parts = b",".join(step_json(step, row, kind=True) for step, row in steps)
            await outbox.send(
                b'{"type":"live_events","payload":{"liveId":%b,"stamp":%d,"events":[%b]}}'
                % (name, rows.stamp, parts)
            )


async def _ended(session: Session, live_id: str, error: AbloError) -> None:
    await session.outbox.say("live_ended", {"liveId": live_id, "error": problem_body(error)})


def _text(value: str | int | bool) -> str:
    return value if isinstance(value, str) else dumps(value).decode()
