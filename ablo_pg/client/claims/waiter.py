"""Acquiring a claim: request it, wait in the queue, leave the queue if anything fails.

A notification wakes a waiter, which then checks: one round trip from grant to return, and none over
a relay, whose notification carries the claim. Without a notification it checks on its own after the
time that the last answer gave. Whatever ends a wait (its deadline, a cancellation, an error of
`on_status`), the place in the queue is released before the caller gets the error.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import msgspec

from ablo_pg.claim import ClaimAnswer, ClaimState, ClaimStatus, ClaimSummary
from ablo_pg.client.claims.connector import ClaimEvent
from ablo_pg.client.claims.lease import Lease
from ablo_pg.client.claims.wakeup import WakeUp
from ablo_pg.client.deadlines import within
from ablo_pg.client.names import Entry
from ablo_pg.client.session import Session
from ablo_pg.db.waits import finished, shielded
from ablo_pg.errors import (
    AbloConnectionError,
    AbloError,
    AbloNotFoundError,
    AbloRateLimitError,
    AbloTimeoutError,
    error_for,
)
from ablo_pg.wire.kernel_bodies import AcquireBody, ClaimBody
from ablo_pg.wire.kernel_calls import CLAIM_ACQUIRE, CLAIM_LOOK, CLAIM_RELEASE

logger: Final = logging.getLogger("ablo_pg.client")
OnStatus: TypeAlias = Callable[[ClaimStatus], Awaitable[object] | object]

# Seconds that releasing a claim may take after a cancellation or on close. Protects shutdown from a
# server that does not answer; the claim then expires with its lease.
LEAVE_SECONDS: Final = 3.0
# Seconds after a cancellation in which the request for a claim may be answered; then the claim is
# released unanswered. Protects the queue from a claim that is made after its release, and stays
# there until its lease ends.
ANSWER_SECONDS: Final = 1.5
# Seconds until the next check after a failed one.
_AGAIN: Final = 1.0
# Part of a lease that may have passed when a check reads it: the kernel renews only what is older.
_PART_PAST: Final = 0.1
# Errors of a check that do not end the wait: the queue is kept in the database.
_PASSING: Final = (AbloConnectionError, AbloTimeoutError, AbloRateLimitError)


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant. row: as of the grant, None if it did not exist; read_at: the stamp of that read."""

    state: ClaimState
    row: bytes | None
    read_at: int
    lease: Lease


class ClaimWait:
    """One request for a claim, up to its grant.

    Args: request_of, makes the request for a claim id; timeout, in seconds; on_status, called with
    the position in the queue and at the grant.
    """

    def __init__(
        self,
        session: Session,
        entry: Entry,
        row_id: str,
        request_of: Callable[[str], bytes],
        *,
        timeout: float,
        on_status: OnStatus | None,
    ) -> None:
        self._session = session
        self._entry = entry
        self._row_id = row_id
        self._claim_id = f"clm_{uuid.uuid4()}"
        request = msgspec.Raw(request_of(self._claim_id))
        self._body = AcquireBody(entry.typename, row_id, request)
        self._timeout = timeout
        self._on_status = on_status
        self._told: tuple[object, ...] = ()
        self._blocked_by: tuple[ClaimSummary, ...] = ()
        self._unsure = False  # sent, and not answered yet
        self._lease: Lease | None = None

    async def obtain(self) -> Granted:
        """Return the grant. Raises claim_conflict, queue_too_deep, grant_timeout, claim_lost."""
        try:
            async with asyncio.timeout(self._timeout) as limit:
                lease, answer = await self._ask()
                if answer.claim.status == "queued":
                    answer = await self._wait(lease, answer)
                claim = answer.claim
                await self._tell(ClaimStatus("held", claim.id))
                read_at = claim.read_at if answer.stamp is None else answer.stamp
                return Granted(claim, answer.row, read_at or 0, lease)
        except BaseException as exc:
            await finished(self._leave(), LEAVE_SECONDS)
            if isinstance(exc, TimeoutError) and limit.expired():
                raise self._timed_out() from exc
            raise

    async def _ask(self) -> tuple[Lease, ClaimAnswer]:
        typename, transport = self._entry.typename, self._session.transport
        async with self._session.claims.row_lock(typename, self._row_id):
            self._unsure, sent_at = True, time.monotonic()
            try:
                answer = await finished(self._answer(), ANSWER_SECONDS)
            except AbloError as exc:
                self._unsure = isinstance(exc, _PASSING)
                raise
            claim = answer.claim
            lease = self._lease = self._session.claims.use(
                claim.id,
                (typename, self._row_id),
                lambda: Lease(
                    transport.organization, transport.participant, claim.id, claim.ttl, sent_at
                ),
            )
            self._unsure = False
            lease.renewed(sent_at, claim.ttl)
            transport.claims.keep(lease)
            return lease, answer

    async def _answer(self) -> ClaimAnswer:
        async with within(self._session.timeout, f"Claiming {self._what}"):
            return await self._session.transport.ask(CLAIM_ACQUIRE, self._body)

    async def _wait(self, lease: Lease, answer: ClaimAnswer) -> ClaimAnswer:
        wakeup = WakeUp()
        lease.lost.add(wakeup)
        try:
            with self._session.transport.claims.claim_watch(lease.claim_id, wakeup) as watch:
                while answer.claim.status == "queued":
                    claim = answer.claim
                    await self._tell(
                        ClaimStatus("queued", claim.id, claim.position, claim.blocked_by)
                    )
                    await wakeup.wait(_AGAIN if answer.recheck is None else answer.recheck)
                    answer = await self._look(lease, answer, watch.take())
        finally:
            lease.lost.remove(wakeup)
        return answer

    async def _look(
        self, lease: Lease, before: ClaimAnswer, told: ClaimEvent | None
    ) -> ClaimAnswer:
        """Return the state of the claim: from its last event, or from a request."""
        if lease.lost.is_set():
            raise self._lost(lease.reason)
        transport, sent_at = self._session.transport, time.monotonic()
        try:
            if told is not None and told.answer is not None:
                sent_at = told.asked_at
                answer = CLAIM_LOOK.result(told.answer, transport.claims.names)
            else:
                async with within(self._session.timeout, f"Waiting for {self._what}"):
                    answer = await transport.ask(CLAIM_LOOK, ClaimBody(lease.claim_id))
        except _PASSING as exc:
            logger.info("the wait for %s continues: %s", self._what, exc)
            return replace(before, recheck=_AGAIN)
        except AbloNotFoundError as exc:
            raise self._lost("the database no longer has it") from exc
        if answer.claim.status not in ("active", "queued"):
            raise self._lost(f"it was {answer.claim.status} while it waited")
        ttl = answer.claim.ttl
        lease.renewed(sent_at - _PART_PAST * ttl, ttl)
        return answer

    async def _leave(self) -> None:
        """Undo what was done so far, within LEAVE_SECONDS."""
        row = self._entry.typename, self._row_id
        with shielded(LEAVE_SECONDS):
            try:
                if self._lease is not None:
                    await give_back(self._session, row, self._lease)
                elif self._unsure:
                    await _release(self._session, row, self._claim_id)
            except AbloError as exc:
                logger.info("claim %s was not released: %s", self._claim_id, exc)

    async def _tell(self, status: ClaimStatus) -> None:
        self._blocked_by = status.blocked_by
        news = (status.status, status.position, *(one.claim_id for one in status.blocked_by))
        if self._on_status is None or news == self._told:
            return
        self._told = news
        await call_status(self._on_status, status)

    @property
    def _what(self) -> str:
        return f"{self._entry.key} {self._row_id!r}"

    def _lost(self, reason: str) -> AbloError:
        claim_id = self._claim_id if self._lease is None else self._lease.claim_id
        return error_for(
            "claim_lost",
            f"The place in the queue for {self._what} is lost: {reason}",
            model=self._entry.key,
            row_id=self._row_id,
            remedy="claim the row again",
            details={"claimId": claim_id},
        )

    def _timed_out(self) -> AbloError:
        first = next(iter(self._blocked_by), None)
        by = "" if first is None else f"; {first.held_by} ({first.action}) holds it"
        return error_for(
            "grant_timeout",
            f"{self._what} was not granted within {self._timeout:g} s{by}",
            model=self._entry.key,
            row_id=self._row_id,
            remedy="try again, or wait longer with timeout=",
            details={"timeout": self._timeout, "blocked_by": self._blocked_by},
        )


async def give_back(session: Session, row: tuple[str, str], lease: Lease) -> bool:
    """End one use of a claim on a row (typename, id); the last one gives it back.

    Returns whether the database had it still.
    """
    last = session.claims.unuse(lease.claim_id)
    if last is None:
        return False
    session.transport.claims.drop(last)
    return await _release(session, row, lease.claim_id)


async def _release(session: Session, row: tuple[str, str], claim_id: str) -> bool:
    async with session.claims.row_lock(*row):
        if session.claims.used(claim_id):  # another task of this client has just acquired it again
            return False
        return await session.transport.ask(CLAIM_RELEASE, ClaimBody(claim_id))


async def call_status(on_status: OnStatus, status: ClaimStatus) -> None:
    """Call a sync or async callback."""
    answer = on_status(status)
    if inspect.isawaitable(answer):
        await answer
