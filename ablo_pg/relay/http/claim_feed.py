"""Claim events for the feed: a page of those that the caller may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ablo_pg.json_text import Decoder
from ablo_pg.relay.http.call import Call
from ablo_pg.wire.deltas import utc_time
from ablo_pg.wire.logs import LogQuery, claim_event
from ablo_pg.wire.relay_calls import CLAIM_EVENTS, EventsBody


class _Page(msgspec.Struct, frozen=True):
    events: list[dict[str, Any]]
    after: int
    more: bool


_PAGE: Final = Decoder(_Page)


@dataclass(frozen=True, slots=True)
class ClaimFeed:
    """Events with their times, the position after them, and whether there are more."""

    events: list[tuple[str, bytes]]
    after: int
    more: bool


async def claim_events(call: Call, query: LogQuery, room: int) -> ClaimFeed:
    """Read claim events after a query's position, about `room` events at most.

    Without room they wait for the next page, but their start is determined now: the log moves on.
    """
    after = query.claims_after or 0
    found = _PAGE.decode(await call.ask(CLAIM_EVENTS, EventsBody(after, query.after or 0, room)))
    model = None if query.model is None else call.schema.model(query.model).key
    shown = [
        (utc_time(each["at"]), claim_event(each))
        for each in found.events
        if (model is None or each.get("model") == model)
        and (query.since is None or each["at"] >= query.since)
    ]
    return ClaimFeed(shown, found.after, found.more)
