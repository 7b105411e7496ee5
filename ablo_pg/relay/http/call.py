"""One request as its handler sees it: the caller, the input, and the service that answers.

`route` makes a Starlette route of a handler: it authenticates, counts, sets the deadline, and
leaves errors to the outer layer. The caller's identity comes from the credential alone; bodies,
paths and headers do not affect it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, ParamSpec, TypeVar

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ablo_pg.errors import AbloRateLimitError, error_for
from ablo_pg.relay.auth import Credential
from ablo_pg.relay.http.limits import read_limited
from ablo_pg.relay.live_schema import LiveSchema
from ablo_pg.relay.service import RelayService
from ablo_pg.relay.shares import acting_for, aside
from ablo_pg.wire.kernel_bodies import Body
from ablo_pg.wire.kernel_calls import KernelCall
from ablo_pg.wire.requests import read_body

B = TypeVar("B", bound=Body)

T = TypeVar("T", bound=msgspec.Struct)
P = ParamSpec("P")
R = TypeVar("R")
PROTOCOL_VERSION: Final = "1"
TICKET: Final = "ticket"  # the parameter
TICKET_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Caller:
    """An admitted caller, of a request or of a socket."""

    service: RelayService
    credential: Credential

    @property
    def organization(self) -> str:
        """Whose data it is about."""
        return self.credential.organization

    @property
    def participant(self) -> str:
        """Who acts, `kind:id`."""
        return self.credential.participant

    @property
    def who(self) -> tuple[str, str]:
        """(organization, participant), the first arguments of every routine."""
        return self.credential.organization, self.credential.participant

    @property
    def capability(self) -> str | None:
        """See `Credential.capability`."""
        return self.credential.capability

    @property
    def narrow(self) -> bool:
        """Whether the credential sees only some sync groups, or only some models."""
        return self.credential.sync_groups is not None or self.credential.operations is not None

    @property
    def schema(self) -> LiveSchema:
        """The active schema."""
        return self.service.schemas.current()

    async def ask(self, call: KernelCall[B, object], body: B, *, again: bool = True) -> bytes:
        """Make a call of the table as the caller; see `Kernel.ask`."""
        return await self.service.kernel.ask(call, self.credential.caller, body, again=again)

    async def aside(self, size: int, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return work(...), which reads or writes JSON of `size` bytes; see `shares.aside`."""
        return await aside(self.service.parsing, size, work, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class Call(Caller):
    """An admitted request."""

    request: Request

    @property
    def ticketed(self) -> bool:
        """Whether the credential is a ticket; see `admit`."""
        return bool(self.request.state.ticket)

    def path(self, name: str) -> str:
        """Return a part of the path. Raises invalid_id for text that cannot be an id."""
        found: str = self.request.path_params[name]
        if "\0" in found:
            if not getattr(self.request.state, "slashes", False):
                raise error_for(
                    "invalid_id", "An id cannot contain NUL", field=name, remedy="remove it"
                )
            found = found.replace("\0", "/")
        return found

    async def body(self, kind: type[T]) -> T:
        """Read the body as `kind`; an empty body counts as {}."""
        raw = await self.raw_body()
        return await self.aside(len(raw), read_body, raw, kind, self.service.settings.json_depth)

    async def raw_body(self, limit: int | None = None) -> bytes:
        """Read the body's bytes, within the limits."""
        settings = self.service.settings
        return await read_limited(self.request, limit or settings.body_bytes, settings.body_seconds)


Handler = Callable[[Call], Awaitable[Response]]


def route(
    path: str, handler: Handler, *methods: str, deadline: bool = True, tickets: bool = False
) -> Route:
    """Return a route for callers with a credential.

    deadline: False for answers without an end. tickets: see `admit`.
    """

    async def endpoint(request: Request) -> Response:
        request.state.route = path
        with anyio.move_on_after(_seconds(request, deadline)) as scope:
            call = await admit(request, tickets=tickets)
            return call.service.unread.bounded(call.organization, await handler(call))
        assert scope.cancelled_caught
        raise _too_slow(request)

    return Route(path, endpoint, methods=_methods(methods))


def open_route(
    path: str, handler: Callable[[Request, RelayService], Awaitable[Response]], *methods: str
) -> Route:
    """Return a route that needs no credential."""

    async def endpoint(request: Request) -> Response:
        request.state.route = path
        with anyio.move_on_after(_seconds(request, True)) as scope:
            return await handler(request, service_of(request))
        assert scope.cancelled_caught
        raise _too_slow(request)

    return Route(path, endpoint, methods=_methods(methods))


def service_of(request: Any) -> RelayService:
    """Return the service of an application's request or socket."""
    service: RelayService = request.app.state.service
    return service


async def admit(request: Request, *, tickets: bool = False) -> Call:
    """Identify the caller. Raises any 401, protocol_version_unsupported, rate_limit_exceeded.

    tickets: an ek_ key that ends soon may also be in the address, for an EventSource of a browser,
    which sends no headers of its own; addresses end up in logs.
    """
    service = service_of(request)
    check_version(request)
    token = bearer_token(request)
    ticket = request.query_params.get(TICKET) if tickets and token is None else None
    credential = await service.authenticator.authenticate(ticket or token)
    if ticket:
        left = (credential.ends_at or math.inf) - service.clock()
        if credential.prefix != "ek" or left > TICKET_SECONDS:
            raise error_for(
                "forbidden",
                f"A ticket is an ek_ key that ends within {TICKET_SECONDS:.0f} s",
                field=TICKET,
                remedy="mint one with ttlSeconds; send any other key in the Authorization header",
            )
    request.state.ticket = bool(ticket)
    request.state.key_id = credential.key_id
    try:
        request.app.state.rate_limit.take(credential.key_id)
    except AbloRateLimitError:
        service.metrics.rate_limited.inc()
        raise
    acting_for.set(credential.organization)
    return Call(service, credential, request)


def bearer_token(request: Request) -> str | None:
    """Return the token of the Authorization header; None without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def check_version(request: Request) -> None:
    """Refuse an unsupported protocol version; a missing one means the first."""
    version = request.headers.get("ablo-protocol-version", PROTOCOL_VERSION)
    if version.strip() != PROTOCOL_VERSION:
        raise error_for(
            "protocol_version_unsupported",
            f"Protocol version {version[:20]!r} is not supported here",
            remedy=f"use a client that speaks version {PROTOCOL_VERSION}",
            details={"supported": [int(PROTOCOL_VERSION)]},
        )


def _seconds(request: Request, deadline: bool) -> float | None:
    return service_of(request).settings.request_seconds if deadline else None


def _too_slow(request: Request) -> Exception:
    seconds = service_of(request).settings.request_seconds
    return error_for(
        "wait_for_timeout",
        f"There was no answer within {seconds:g} s",
        remedy="send it again; a write, with the same Idempotency-Key",
    )


def _methods(methods: Sequence[str]) -> list[str]:
    return list(methods) or ["GET"]
