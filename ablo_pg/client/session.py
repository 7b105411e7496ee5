"""What all parts of one client share: registry of its schema, transport, default deadline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ablo_pg.client.background import Background
from ablo_pg.client.base import CommitRequest, with_taken_id
from ablo_pg.client.deadlines import timeout_of, within
from ablo_pg.client.receipt import Receipt
from ablo_pg.client.registry import Registry
from ablo_pg.client.transport import Transport
from ablo_pg.errors import AbloConflictError, error_for

Wait: TypeAlias = Literal["confirmed"]
Data: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Session:
    """Shared by a client and everything it hands out."""

    registry: Registry
    transport: Transport
    timeout: float
    background: Background

    def seconds(self, timeout: float | None) -> float:
        """Return the deadline to use."""
        return timeout_of(timeout, self.timeout)

    async def commit(self, request: CommitRequest, timeout: float | None, wait: str) -> Receipt:
        """Send a commit, bounded by the deadline."""
        check_wait(wait)
        async with within(self.seconds(timeout), "The commit", request.key):
            return await self.send(request)

    async def send(self, request: CommitRequest) -> Receipt:
        """Send a commit; the caller bounds it."""
        try:
            return await self.transport.commit(request)
        except AbloConflictError as exc:
            raise with_taken_id(exc, request) from (exc.__cause__ or exc)


def check_wait(wait: str) -> None:
    """Refuse a `wait` that this transport cannot give."""
    if wait != "confirmed":
        raise error_for(
            "write_options_invalid",
            f"wait={wait!r} is not known",
            field="wait",
            remedy='use wait="confirmed": a commit on a database returns when it is durable',
        )
