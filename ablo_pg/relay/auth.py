"""Which credential a token stands for, and when it ends.

token -> check_key (no database) -> SHA-256 -> cache, else ablo.key_find -> Credential
NOTIFY ablo_key -^      sockets: watch()

- A lookup is by hash, here and in the database's index: its duration reveals something about the
  hash of what was sent, and nothing about similar stored keys. No token is kept.
- A credential is cached for two seconds at most, never past its expiry, and removed at once when
  the database reports that its key has changed. Times of expiry are the database's; this process
  only measures how much of them is left.
- Connections that stay open longer are watched: every two seconds, and at once on a notification,
  the database is asked which of the keys in use have ended. A notification is only a hint: a forged
  one costs a query, a lost one two seconds.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

import anyio
import psycopg
from psycopg import AsyncConnection

from ablo_pg.changefeed.sight import Sight, SightView, reach_changed
from ablo_pg.changefeed.view import Models, View
from ablo_pg.credentials import Prefix, check_key, key_hash
from ablo_pg.db import keys
from ablo_pg.db.backoff import Backoff
from ablo_pg.db.errors import translate
from ablo_pg.db.keys import STATES_AT_ONCE, KeyRecord
from ablo_pg.db.notifications import EVERYTHING, KEYS, Notifications
from ablo_pg.db.pool import Database
from ablo_pg.db.sights import PostgresSights, sight_since
from ablo_pg.errors import AbloError, error_for
from ablo_pg.relay.shares import STRANGERS, acting_for
from ablo_pg.wire.kernel_bodies import Caller

logger: Final = logging.getLogger("ablo_pg.relay")

# How long a revoked key is still accepted if its notification was lost.
CACHE_SECONDS: Final = 2.0
CACHE_SIZE: Final = 10_000  # credentials in the cache; the oldest are removed first
# How often the keys in use are checked. With the cache's age this stays within five seconds.
RECHECK_SECONDS: Final = 2.0
# The shortest pause between two checks, so that many notifications do not cause many queries.
CALM_SECONDS: Final = 0.05
# How long a check may take. Guards against a connection that is open here and dead there; a false
# alarm costs a new connection.
LOOK_SECONDS: Final = 2.0
RETRY_FIRST: Final = 0.1

Verb = Literal["read", "create", "update", "delete"]


@dataclass(frozen=True, slots=True)
class Credential:
    """What a live key allows. operations, sync_groups: None means all of the organization's.

    participant: `kind:id`. expires_at: seconds since 1970 by the database's clock; `ends_at` is
    the same moment by this process's monotonic clock. sight: if sync_groups follow from its
    participant's identity and may change: those are of when it was looked up. since: see
    `ablo.key_sight`.
    """

    key_id: str
    prefix: Prefix
    organization: str
    participant: str
    operations: frozenset[str] | None
    scopes: frozenset[str]
    sync_groups: frozenset[str] | None
    user_meta: Mapping[str, object]
    expires_at: float | None
    hash: str = field(repr=False)
    ends_at: float | None = None
    sight: Sight | None = None
    since: int | None = None

    @property
    def kind(self) -> str:
        """user, agent or system."""
        return self.participant.partition(":")[0]

    @property
    def participant_id(self) -> str:
        """The participant without its kind."""
        return self.participant.partition(":")[2]

    @property
    def wide(self) -> bool:
        """Whether it may see every sync group of its organization."""
        return self.sync_groups is None

    @property
    def capability(self) -> str | None:
        """Its id if the database must check it too: unless it may do everything.

        The database checks a minted key's actions in their own transaction, and attributes them.
        """
        may_all = self.operations is None and self.sync_groups is None
        return None if self.prefix == "sk" and may_all else self.key_id

    @property
    def caller(self) -> Caller:
        """Who asks the kernel, with it."""
        return Caller(
            self.organization,
            self.participant,
            capability_id=self.capability,
            key_id=self.key_id,
        )

    @property
    def readable(self) -> Models | None:
        """The models that it may read; None means every model."""
        if self.operations is None or "*.read" in self.operations:
            return None
        return Models(lambda typename: self.may(typename, "read"))

    @property
    def view(self) -> View:
        """What it may see."""
        groups = self.sync_groups
        if groups is None:
            groups = frozenset((f"org:{self.organization}",))
        if self.sight is not None:
            return SightView(groups, self.readable, self.participant, sight=self.sight)
        return View(groups, self.readable, self.participant)

    def may(self, typename: str, verb: Verb) -> bool:
        """Whether it may do this to rows of a model: the mirror of `ablo.key_may`."""
        if self.operations is None:
            return True
        return f"{typename.lower()}.{verb}" in self.operations or f"*.{verb}" in self.operations

    def holds(self, scope: str) -> bool:
        """Whether it has a right over the service. The database lists all of them explicitly."""
        return scope in self.scopes


@dataclass(slots=True, eq=False)
class Watch:
    """A user of a credential for longer than a request. on_end: called once, when it ends."""

    credential: Credential
    on_end: Callable[[AbloError], None] | None = None
    error: AbloError | None = field(default=None, init=False)

    async def ended(self) -> AbloError:
        """Wait until the key is revoked or expired; return that error."""
        ended = anyio.Event()
        self.on_end = lambda _: ended.set()
        if self.error is None:
            await ended.wait()
        assert self.error is not None
        return self.error

    def end(self, status: str) -> None:
        """Report the end."""
        if self.error is None:
            self.error = ended_error(status)
            if self.on_end is not None:
                self.on_end(self.error)


@dataclass(frozen=True, slots=True)
class _Remembered:
    credential: Credential
    until: float


class Authenticator:
    """The credentials of one relay.

    `run` watches; without it a credential is still no older than CACHE_SECONDS.

    Args: notifications, which must run too; by default none, for a caller that does not `run`.
    """

    def __init__(self, database: Database, notifications: Notifications | None = None) -> None:
        self._database = database
        self._notifications = notifications or Notifications(database.url, "ablo_pg keys")
        self._cache: OrderedDict[str, _Remembered] = OrderedDict()
        self.changes = 0  # notifications so far: a result read before one is not cached
        self._watches: dict[str, set[Watch]] = {}
        self._sights = PostgresSights(database)

    async def authenticate(self, token: str | None) -> Credential:
        """Return the credential of a token.

        Raises: api_key_required, apikey_invalid, apikey_expired, apikey_revoked, the pool's errors.
        """
        if not token:
            raise error_for(
                "api_key_required",
                "No API key was sent",
                remedy="send Authorization: Bearer sk_...",
            )
        check_key(token)
        hashed = key_hash(token)
        known = self._cache.get(hashed)
        if known is not None and known.until > time.monotonic():
            return known.credential
        changes, asked = self.changes, time.monotonic()
        # A cached credential does not wait behind a flood of unknown keys.
        acting = acting_for.set(STRANGERS if known is None else known.credential.organization)
        try:
            record = await self._database.read(keys.key_find, hashed)
        finally:
            acting_for.reset(acting)
        if record is None:
            raise ended_error("unknown")
        if record.status != "live":
            raise ended_error(record.status)
        credential = _credential(record, hashed, asked, self._sights)
        if changes == self.changes:
            self._remember(credential, asked)
        return credential

    @contextmanager
    def watch(
        self, credential: Credential, on_end: Callable[[AbloError], None] | None = None
    ) -> Iterator[Watch]:
        """Watch a credential; its end is known within five seconds: `await watch.ended()`."""
        watch = Watch(credential, on_end)
        self._watches.setdefault(credential.hash, set()).add(watch)
        try:
            yield watch
        finally:
            left = self._watches[credential.hash]
            left.discard(watch)
            if not left:
                del self._watches[credential.hash]

    def watching(self, key_ids: Iterable[str]) -> int:
        """Return how many open sockets use these keys."""
        wanted = set(key_ids)
        watches = (watch for some in self._watches.values() for watch in some)
        return sum(watch.credential.key_id in wanted for watch in watches)

    def forget(self, key_ids: Iterable[str]) -> None:
        """Check these keys again, because they were changed here, or a caller reports so."""
        self.changes += 1
        gone = set(key_ids)
        for hashed in [h for h, one in self._cache.items() if one.credential.key_id in gone]:
            del self._cache[hashed]

    async def run(self) -> None:
        """Check the keys in use: at once, on each notification, and by the clock.

        The connection is not from the pool, which may be exhausted when a key must end.
        """
        backoff = Backoff(RETRY_FIRST, RECHECK_SECONDS)
        with self._notifications.listen(KEYS) as listener:
            while True:
                try:
                    with anyio.fail_after(LOOK_SECONDS):
                        async with self._notifications.connection() as conn:
                            await self._look(conn)
                except (psycopg.Error, TimeoutError) as exc:
                    reason = translate(exc) if isinstance(exc, psycopg.Error) else "no answer"
                    logger.warning("the keys in use are not checked: %s", reason)
                    await anyio.sleep(backoff.pause())
                    continue
                backoff.reset()
                hinted = await listener.take(RECHECK_SECONDS)
                self._take_hints(hinted)
                if hinted:
                    await anyio.sleep(CALM_SECONDS)  # others arrive with it: one check for all
                    hinted = await listener.take(0)
                    self._take_hints(hinted)

    def _remember(self, credential: Credential, asked: float) -> None:
        until = asked + CACHE_SECONDS
        if credential.ends_at is not None:
            until = min(until, credential.ends_at)
        self._cache[credential.hash] = _Remembered(credential, until)
        self._cache.move_to_end(credential.hash)
        if len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)

    def _forget_all(self) -> None:
        self.changes += 1
        self._cache.clear()

    def _take_hints(self, key_ids: list[str]) -> None:
        if EVERYTHING in key_ids:
            self._forget_all()
        elif key_ids:
            self.forget(key_ids)

    async def _look(self, conn: AsyncConnection) -> None:
        now = time.monotonic()
        for hashed, watches in list(self._watches.items()):
            if any(_is_past(watch.credential, now) for watch in watches):
                self._end(hashed, "expired")
        hashes = list(self._watches)
        for start in range(0, len(hashes), STATES_AT_ONCE):
            part = hashes[start : start + STATES_AT_ONCE]
            for hashed, status in (await keys.key_states(conn, part)).items():
                self._end(hashed, status)
        found = {hashed: next(iter(some)).credential for hashed, some in self._watches.items()}
        if any(one.since is not None for one in found.values()):
            since = await sight_since(conn)
            for hashed, one in found.items():
                if one.since is not None and one.since != since:
                    self._end(hashed, "changed")

    def _end(self, hashed: str, status: str) -> None:
        self._cache.pop(hashed, None)
        for watch in self._watches.get(hashed, ()):
            watch.end(status)


def ended_error(status: str) -> AbloError:
    """Return the error for a token whose key is revoked, expired or unknown. It names no key."""
    if status == "changed":
        return reach_changed("a schema was pushed that changes what this key may see")
    if status == "revoked":
        return error_for("apikey_revoked", "The key was revoked", remedy="use another key")
    if status == "expired":
        return error_for("apikey_expired", "The key has expired", remedy="mint or rotate a new one")
    return error_for(
        "apikey_invalid",
        "This key is unknown here",
        remedy="check that it belongs to this server (`ablo-pg keys list`)",
    )


def _is_past(credential: Credential, now: float) -> bool:
    return credential.ends_at is not None and credential.ends_at <= now


def _credential(record: KeyRecord, hashed: str, asked: float, sights: PostgresSights) -> Credential:
    """Return the credential of a record that was requested at a monotonic time.

    The database read its clock later, so the end is computed early by the round trip, never late.
    """
    left = None if record.expires_at is None else record.expires_at - record.now
    return Credential(
        key_id=record.id,
        prefix=record.prefix,
        organization=record.organization_id,
        participant=record.participant,
        operations=record.operations,
        scopes=record.scopes,
        sync_groups=record.sync_groups,
        user_meta=record.user_meta,
        expires_at=record.expires_at,
        hash=hashed,
        ends_at=None if left is None else asked + left,
        sight=Sight(sights, record.id) if record.governed or record.since else None,
        since=record.since,
    )
