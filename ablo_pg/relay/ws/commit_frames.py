"""Commits over a socket: the same kernel call as over HTTP, answered with the strict receipt.

The client's transaction id is the idempotency key, so a frame that is sent again, after a lost
answer or over another socket, gets the first receipt and changes nothing.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import orjson

from ablo_pg.errors import AbloError, error_for
from ablo_pg.relay.http.writes import VERB_OF, authority_of, check_premises, require, submit
from ablo_pg.relay.service import RelayService
from ablo_pg.relay.ws.session import Session
from ablo_pg.wire.frames import Commit, Frame, commit_request, text_of
from ablo_pg.wire.live import failed_commit
from ablo_pg.wire.receipts import receipt_bytes


@dataclass(frozen=True, slots=True)
class CommitFrames:
    """Handles `commit`."""

    service: RelayService

    async def commit(self, session: Session, frame: Frame) -> None:
        """Commit and answer."""
        try:
            commit = await session.payload(frame, Commit)
            stored = await self._submit(session, commit)
        except AbloError as exc:
            await self.refuse(session, frame, exc)
            return
        authority = authority_of(session.credential, self.service.schemas.current())
        receipt = receipt_bytes(stored, orjson.dumps(authority))
        await session.outbox.send(b'{"type":"mutation_result","payload":' + receipt + b"}")
        if any(one.type.upper() == "DELETE" for one in commit.operations):
            session.changed()  # a claim ends with its row

    async def refuse(self, session: Session, frame: Frame, error: AbloError) -> None:
        """Answer that the commit was refused, and why."""
        authority = authority_of(session.credential, self.service.schemas.current())
        at = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        own = {"serverTxId": "", "authority": authority}
        payload = failed_commit(text_of(frame, "clientTxId"), error, at, **own)
        await session.outbox.say("mutation_result", payload)

    async def _submit(self, session: Session, commit: Commit) -> bytes:
        settings = self.service.settings
        if len(commit.operations) > settings.operations:
            raise error_for(
                "commit_too_many_operations",
                f"{len(commit.operations)} operations; the limit is {settings.operations}",
                remedy="send several commits",
                details={"limit": settings.operations},
            )
        check_premises(self.service, commit.reads, commit.track)
        models = []
        for one in commit.operations:
            model = (await self.service.schemas.find(one.model)).model(one.model)
            verb = VERB_OF.get(one.type.lower())
            if verb is not None:  # the kernel refuses unknown actions
                require(session.credential, model, verb)
            models.append(model.key)
        request = commit_request(commit, models, session.aliases)
        key = commit.client_tx_id
        return await submit(self.service, session.credential, key, request, "websocket")
