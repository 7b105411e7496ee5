"""Tracks: standing premises. The next receipt reports changes by others, or commits are refused.

`ablo.tasks.track(id=...)` registers one, `ablo.tracks.list()` lists them. They belong to the
participant, not to the process, and outlive both until they are untracked, or the participant makes
no commit for a week. The kernel checks them at each later commit of the participant.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import msgspec
import orjson

from ablo_pg.client.deadlines import within
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.premises import encode_track
from ablo_pg.client.session import Session, Wait
from ablo_pg.schema.rows import Model
from ablo_pg.wire.committed import Receipt
from ablo_pg.wire.kernel_bodies import NoBody, UntrackBody
from ablo_pg.wire.kernel_calls import TRACK_LIST, TRACK_REMOVE
from ablo_pg.wire.results import TrackData

TrackStale: TypeAlias = Literal["notify", "reject"]
# A row as it was read, or {"model", "id"} or {"group"}, with "read_at"? and "on_stale"?.
Target: TypeAlias = Model | Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Track:
    """A track's target: a row (model, id) or a group.

    read_at: the baseline; changes by others after it count. on_stale: "notify" reports them on the
    next receipt, once; "reject" refuses the participant's commits until it tracks again.
    """

    model: str | None
    id: str | None
    group: str | None
    read_at: int
    on_stale: TrackStale
    created_at: dt.datetime


class Tracks:
    """All tracks of this participant."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list(self, *, timeout: float | None = None) -> tuple[Track, ...]:
        """Return the tracks, in the order in which they were registered."""
        async with within(self._session.seconds(timeout), "Listing tracks"):
            found = await self._session.transport.ask(TRACK_LIST, NoBody())
        return tuple(_track(one) for one in found)

    async def clear(self, *, timeout: float | None = None) -> int:
        """End all tracks; return how many there were."""
        return await _remove(self._session, UntrackBody(), timeout)


class ModelTracks:
    """Registers tracks: `await ablo.tasks.track(id=...)`."""

    def __init__(self, session: Session, entry: Entry) -> None:
        self._session = session
        self._entry = entry

    async def __call__(
        self,
        id: str | None = None,
        *,
        group: str | None = None,
        read_at: int | None = None,
        on_stale: TrackStale = "notify",
        idempotency_key: str | None = None,
        timeout: float | None = None,
        wait: Wait = "confirmed",
    ) -> Receipt:
        """Track a row of this model, or a sync group (`kind:id`); again to start over from now.

        read_at: the stamp of the read that counts; default: as of now. on_stale: "notify" reports a
        change by another participant on this participant's next receipt, once; "reject" refuses its
        commits (stale_context) until it has tracked the row again. At most 500 per participant.
        Raises quota_exceeded, invalid_request.
        """
        target = {"read_at": read_at, "on_stale": on_stale, **_target(self._entry, id, group)}
        wire = encode_track(self._session.registry, target)
        request = self._session.assemble([], None, idempotency_key, [wire])
        return await self._session.commit(request, timeout, wait)


async def untrack(
    session: Session, entry: Entry, id: str | None, group: str | None, timeout: float | None
) -> bool:
    """Stop tracking a row or a group; False if it was not tracked."""
    wire = encode_track(session.registry, _target(entry, id, group))
    return await _remove(session, UntrackBody(msgspec.Raw(orjson.dumps([wire]))), timeout) > 0


async def _remove(session: Session, body: UntrackBody, timeout: float | None) -> int:
    async with within(session.seconds(timeout), "Untracking"):
        return await session.transport.ask(TRACK_REMOVE, body)


def _target(entry: Entry, id: str | None, group: str | None) -> dict[str, object]:
    """Return the target as a mapping; `encode_track` refuses one that names both or neither."""
    row: dict[str, object] = (
        {} if id is None and group is not None else {"model": entry.key, "id": id}
    )
    return row if group is None else {**row, "group": group}


def _track(found: TrackData) -> Track:
    return Track(
        model=found.model,
        id=found.id,
        group=found.group,
        read_at=found.read_at,
        on_stale=cast("TrackStale", found.on_stale),
        created_at=dt.datetime.fromisoformat(found.created_at),
    )
