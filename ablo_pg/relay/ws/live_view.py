"""One organization's live state: shows its sockets who is present and who holds or waits for what.

It reads the database's state on a hint (`ablo_live`, or a local change) and by the clock before
something expires, sends the sockets what has changed, and handles the claims of its own sockets: a
waiter whose turn has come is granted, a holder that lost its claim is notified. Every relay reads
the same state, so sockets of several relays see each other. A lost hint costs time, never
correctness.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import Final

import anyio

from ablo_pg.changefeed.tasks import Tasks
from ablo_pg.db import live
from ablo_pg.db.backoff import Backoff
from ablo_pg.errors import AbloError
from ablo_pg.json_text import loads
from ablo_pg.relay.kernel import Kernel
from ablo_pg.relay.ws.live_state import Changes, Json, LiveState, Target, changes, merged
from ablo_pg.relay.ws.protocol import frame_of
from ablo_pg.relay.ws.session import Session
from ablo_pg.wire import live as wire
from ablo_pg.wire.frames import frame
from ablo_pg.wire.kernel_bodies import ClaimBody
from ablo_pg.wire.relay_calls import CLAIM_GET

logger: Final = logging.getLogger("ablo_pg.relay.ws")

SELF: Final = "system:relay"  # the identity of its reads
LOOK_SECONDS: Final = 30.0  # the latest, if every hint was lost
LEAST_SECONDS: Final = 0.05
TURN_SECONDS: Final = 0.1  # a waiter whose row is being written: no notification reports the end of
# the write
RETRY_FIRST: Final = 0.1
RETRY_LAST: Final = 5.0
NEWCOMER_PARTICIPANTS: Final = 500  # at most, in a socket's first message


class LiveView:
    """Shows one organization's claims and presence to its sockets on this relay."""

    def __init__(self, kernel: Kernel, organization: str, tasks: Tasks) -> None:
        self._tasks = tasks
        self.organization = organization
        self.state = LiveState()
        self.sessions: set[Session] = set()
        self._newcomers: set[Session] = set()
        self._kernel = kernel
        self._hint = anyio.Event()
        self._repeat: set[Target] = set()

    def join(self, session: Session) -> None:
        """Show a socket everything, then changes; again if it follows other groups."""
        self.sessions.discard(session)
        self._newcomers.add(session)
        self.hint()

    def leave(self, session: Session) -> None:
        """Forget a socket."""
        self.sessions.discard(session)
        self._newcomers.discard(session)

    @property
    def empty(self) -> bool:
        """Whether no socket uses it."""
        return not (self.sessions or self._newcomers)

    def hint(self, target: Target | None = None) -> None:
        """Something may have changed; show this row's queue even if it has not."""
        if target is not None:
            self._repeat.add(target)
        self._hint.set()

    async def run(self) -> None:
        """Read and notify until cancelled."""
        backoff = Backoff(RETRY_FIRST, RETRY_LAST)
        while True:
            self._hint = anyio.Event()
            began = anyio.current_time()
            try:
                again = await self._look()
                backoff.reset()
            except AbloError as exc:
                logger.warning("claims and presence cannot be read: %s", exc.code)
                again = backoff.pause()
            # Reading takes at most half of the time, however much there is to read.
            await anyio.sleep(anyio.current_time() - began)
            with anyio.move_on_after(again):
                await self._hint.wait()

    async def _look(self) -> float:
        """Read, notify, handle our own claims; return when to read again at the latest."""
        narrow = any(not each.groups.unlimited for each in self.sessions | self._newcomers)
        data = await self._kernel.database.read(live.live_read, self.organization, SELF, narrow)
        new = LiveState.parse(data)
        told = changes(self.state, new)
        self._tell(told, new)
        self.state = merged(self.state, new, told)
        self._welcome()
        if await self._attend():
            return TURN_SECONDS
        if new.next_ms is None:
            return LOOK_SECONDS
        return min(LOOK_SECONDS, max(LEAST_SECONDS, new.next_ms * 0.75 / 1000))

    def _tell(self, told: Changes, new: LiveState) -> None:
        whole = [each for each in self.sessions if each.groups.unlimited]
        narrow = [each for each in self.sessions if not each.groups.unlimited]
        for participant, kind in told.participants.items():
            held = new.holdings.get(participant, ())
            payload = self._presence(new, participant, kind, held, new.present.get(participant))
            post_all(whole, "presence_update", payload)
            for session in narrow:
                self._tell_presence(session, new, participant, kind)
        for target in told.targets | self._repeat:
            waiters = new.waiting.get(target, ())
            post_all(whole, "claim_queue", wire.line(*target, waiters))
            before = (*self.state.held.get(target, ()), *self.state.waiting.get(target, ()))
            for session in narrow:
                if any(session.groups.sees_claim(each) for each in (*before, *waiters)):
                    session.outbox.tell("claim_queue", wire.line(*target, waiters))
        self._repeat.clear()

    def _tell_presence(
        self, session: Session, state: LiveState, participant: str, kind: str
    ) -> None:
        """Send a socket with few groups what it may see of a participant, once it may."""
        held = [
            each for each in state.holdings.get(participant, ()) if session.groups.sees_claim(each)
        ]
        here = shown_to(session, state.present.get(participant))
        groups = ((here or {}).get("meta") or {}).get("syncGroups") or ()
        followed = session.groups.whole or session.groups.meets(groups)
        visible = kind != "leave" and (bool(held) or followed)
        known = participant in session.shown
        if not visible and not known:
            return
        said = "leave" if not visible else "update" if known else "enter"
        (session.shown.add if visible else session.shown.discard)(participant)
        session.outbox.tell("presence_update", self._presence(state, participant, said, held, here))

    def _presence(
        self, state: LiveState, participant: str, kind: str, held: Iterable[Json], here: Json | None
    ) -> dict[str, object]:
        return wire.presence(kind, participant, here, held, state.now)

    def _welcome(self) -> None:
        """Show new sockets the whole state: holders first, if not everything fits."""
        state = self.state
        everybody = sorted(state.participants, key=lambda one: one not in state.holdings)
        for session in self._newcomers:
            for participant in everybody[:NEWCOMER_PARTICIPANTS]:
                if session.groups.unlimited:
                    held = state.holdings.get(participant, ())
                    here = state.present.get(participant)
                    payload = self._presence(state, participant, "enter", held, here)
                    session.outbox.tell("presence_update", payload)
                else:
                    self._tell_presence(session, state, participant, "enter")
            for participant in session.shown - state.participants:
                self._tell_presence(session, state, participant, "leave")
            for target, waiters in state.waiting.items():
                if any(session.groups.sees_claim(each) for each in waiters):
                    session.outbox.tell("claim_queue", wire.line(*target, waiters))
        self.sessions |= self._newcomers
        self._newcomers.clear()

    async def _attend(self) -> bool:
        """Handle our own sockets' claims; True if a waiter's turn has come without a grant."""
        due: set[Session] = set()
        for session in list(self.sessions):
            await self._tasks.attempt("live view", partial(self._attend_one, session, due))
        return bool(due)

    async def _attend_one(self, session: Session, due: set[Session]) -> None:
        try:
            await self._attend_claims(session, due)
        except AbloError as exc:  # of this session's claims; the next read retries
            logger.info("a socket's claims cannot be checked: %s", exc.code)

    async def _attend_claims(self, session: Session, due: set[Session]) -> None:
        for own in list(session.claims.values()):
            now = self.state.claims.get(own.kernel_id)
            if now is None:
                await self._ended(session, own.kernel_id)
            elif now["status"] == "active":
                self._kernel.waits.granted(own.kernel_id)
                session.held(own, now)
            elif not self.state.blocked(now):
                due.add(session)
                await self._claim(session, own.kernel_id)
                self.hint()

    async def _claim(self, session: Session, kernel_id: str) -> bytes:
        return await self._kernel.ask(CLAIM_GET, session.credential.caller, ClaimBody(kernel_id))

    async def _ended(self, session: Session, kernel_id: str) -> None:
        """A claim of ours is no longer live: determine why."""
        try:
            status = loads(await self._claim(session, kernel_id))["claim"]["status"]
        except AbloError as exc:
            if exc.code != "claim_not_found":
                raise
            status = "expired"
        if status not in ("active", "queued"):  # else the read was older than the claim
            session.lost(kernel_id, status)


def shown_to(session: Session, here: Json | None) -> Json | None:
    """Return a participant's own activity as a socket that does not see all may see it.

    The mirror of `ablo.activity_seen` and `ablo.presence_meta`.
    """
    if here is None:
        return None
    found, row = dict(here), here.get("activityRow")
    if row is not None and not session.groups.sees(
        row["model"], row.get("groups") or (), row.get("row")
    ):
        found["activity"] = None
    meta = here.get("meta")
    if not session.groups.whole and meta is not None and "syncGroups" in meta:
        named = meta["syncGroups"] if isinstance(meta["syncGroups"], list) else ()
        found["meta"] = {
            **meta,
            "syncGroups": [one for one in named if session.groups.meets([one])],
        }
    return found


def post_all(sessions: Iterable[Session], kind: str, payload: dict[str, object]) -> None:
    """Send these sockets the same message; it is encoded once."""
    framed: bytes | None = None
    for session in sessions:
        if framed is None:
            framed = frame_of(frame(kind, payload))
        session.outbox.post(framed)
