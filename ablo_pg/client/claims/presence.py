"""Who is present, on what, with which claims: `ablo.presence`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence

import msgspec
import orjson

from ablo_pg.claim import Presence
from ablo_pg.client.claims.lease import PresenceBeat
from ablo_pg.client.claims.request import json_object
from ablo_pg.client.claims.waiter import LEAVE_SECONDS, logger
from ablo_pg.client.deadlines import within
from ablo_pg.client.durations import Duration, encode_duration
from ablo_pg.client.session import Session
from ablo_pg.errors import AbloError, error_for
from ablo_pg.wire.kernel_bodies import NoBody, PresenceBody, SessionBody
from ablo_pg.wire.kernel_calls import PRESENCE_BEAT, PRESENCE_LEAVE, PRESENCE_LIST


class PresenceClient:
    """The presence of this client, and of all participants of its organization.

    `set` repeats automatically, in a separate thread, until `leave` or `close`; a process that dies
    disappears within the ttl. Each client is one session of its participant.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._id = str(uuid.uuid4())
        self._said: dict[str, object] = {}
        self._beat: PresenceBeat | None = None

    @property
    def is_set(self) -> bool:
        """Whether this client has announced its presence."""
        return self._beat is not None

    async def set(
        self,
        *,
        status: str | None = None,
        activity: Mapping[str, object] | None = None,
        meta: Mapping[str, object] | None = None,
        ttl: Duration | None = None,
        timeout: float | None = None,
    ) -> None:
        """Announce this client's presence; omitted values stay as they were.

        status: default "online". activity: what it works on, as a JSON object: {"model": "tasks",
        "id": "t1"}. ttl: how long it shows without renewal (default 60 s). Raises duration_invalid.
        """
        said = self._said | _said(status, activity, meta, ttl)
        request, transport = orjson.dumps(said), self._session.transport
        sent_at = time.monotonic()
        async with within(self._session.seconds(timeout), "Setting the presence"):
            body = PresenceBody(self._id, msgspec.Raw(request))
            lasts = await transport.ask(PRESENCE_BEAT, body)
        self._said, before = said, self._beat
        self._beat = PresenceBeat(
            transport.organization, transport.participant, self._id, request, lasts, sent_at
        )
        if before is not None:
            transport.claims.drop(before)
        transport.claims.keep(self._beat)

    async def list(self, *, timeout: float | None = None) -> Sequence[Presence]:
        """Return who is present, by participant; claim holders are listed with or without `set`."""
        async with within(self._session.seconds(timeout), "Listing presence"):
            return await self._session.transport.ask(PRESENCE_LIST, NoBody())

    async def leave(self, *, timeout: float | None = None) -> bool:
        """End this client's presence; return whether it was present. Its claims stay."""
        beat, self._beat, self._said = self._beat, None, {}
        if beat is not None:
            self._session.transport.claims.drop(beat)
        async with within(self._session.seconds(timeout), "Leaving"):
            return await self._session.transport.ask(PRESENCE_LEAVE, SessionBody(self._id))


async def leave_quietly(presence: PresenceClient) -> None:
    """End the presence of a closing client: bounded, without raising."""
    if presence.is_set:
        try:
            await presence.leave(timeout=LEAVE_SECONDS)
        except AbloError as exc:
            logger.warning("the presence was not removed: %s", exc)


def _said(
    status: str | None,
    activity: Mapping[str, object] | None,
    meta: Mapping[str, object] | None,
    ttl: Duration | None,
) -> dict[str, object]:
    said: dict[str, object] = {}
    if status is not None:
        if not isinstance(status, str) or not status or "\x00" in status:
            raise error_for(
                "invalid_options",
                f"status cannot be {status!r}",
                field="status",
                remedy='pass a string such as "online"',
            )
        said["status"] = status
    for name, value in (("activity", activity), ("meta", meta)):
        if value is not None:
            said[name] = json_object(value, name)
    if ttl is not None:
        said["ttl"] = encode_duration(ttl, "ttl")
    return said
