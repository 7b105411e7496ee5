"""`AsyncAblo`, the entry point of the library. `sync.client.Ablo` is its twin."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Self, TypeVar, overload

from ablo_pg.changefeed.status import ReaderStatus
from ablo_pg.client.claims.claims import release_all
from ablo_pg.client.claims.presence import PresenceClient, leave_quietly
from ablo_pg.client.deadlines import DEFAULT_TIMEOUT, timeout_of, within
from ablo_pg.client.gate import SchemaGate
from ablo_pg.client.home import Rooted
from ablo_pg.client.live.background import Background
from ablo_pg.client.live.subscriptions import Change, ChangeHandle, Subscription, follow, subscribe
from ablo_pg.client.local.copy import LocalCopy, local_keys
from ablo_pg.client.local.queued import Pending, WriteQueue
from ablo_pg.client.local.queued_writes import pending_of
from ablo_pg.client.names import Tenant, did_you_mean
from ablo_pg.client.place import Place
from ablo_pg.client.registry import Registry
from ablo_pg.client.rows.access import AccessClient
from ablo_pg.client.rows.commits import Commits
from ablo_pg.client.rows.models import ModelClient
from ablo_pg.client.rows.snapshots import Ids, Snapshot, take_snapshot
from ablo_pg.client.rows.tracks import Tracks
from ablo_pg.client.rows.undo import Undone, chosen, undo
from ablo_pg.client.rows.written import receipt_of_row
from ablo_pg.client.session import Session
from ablo_pg.client.sessions import Sessions
from ablo_pg.db.waits import finished, shielded
from ablo_pg.errors import AbloValidationError, error_for
from ablo_pg.predicate.stream import refuse_unlogged
from ablo_pg.schema.author import Schema
from ablo_pg.schema.rows import Model
from ablo_pg.wire.committed import Receipt
from ablo_pg.wire.kernel_bodies import NoBody
from ablo_pg.wire.kernel_calls import STATUS
from ablo_pg.wire.results import KernelStatus

logger: Final = logging.getLogger("ablo_pg.client")
RowT = TypeVar("RowT", bound=Model)


class UnknownModelError(AbloValidationError, AttributeError):
    """The client has no such attribute: neither a method nor a model of the schema."""

    default_code = "server_execute_unknown_model"


class AsyncAblo(Rooted):
    """A client of one schema, for one organization and participant, on a database or a relay.

        async with AsyncAblo(schema=schema, organization="acme", participant="agent:a") as ablo:
            task = await ablo.tasks.create({"title": "Write"})

    Each model of the schema is an attribute (`ablo.tasks`). `ablo.model(Task)` returns the same
    client, typed; use it for a model whose key is also a method here.

    Args:
        schema: what `define_schema` made; it must have been applied (`ablo-pg migrate`).
        database_url: a runtime login; default: the environment variable DATABASE_URL.
        base_url, api_key: a relay instead of a database, and a key for it; default: ABLO_API_URL
            and ABLO_API_KEY. The key determines organization and participant. On a database a key
            is only used to mint `sessions`.
        organization: the tenant of all calls. participant: who acts, `kind:id`, kind one of user,
            agent, system. With a relay both are only checked against the key.
        on_behalf_of: for whom, `kind:id`; every change records it. Not with a relay.
        replication_url: a login that may read the change stream; default: ABLO_REPLICATION_URL;
            without one, changes arrive by LISTEN/NOTIFY. Not with a relay.
        pool_min_size, pool_max_size: connections kept and allowed.
        timeout: seconds that a call may take by default.
        local: keep a copy of all models' rows, or of these models', which `ready` begins:
            `ablo.tasks.local.list(...)`; then writes support `wait="queued"`.

    Nothing connects before the first call or `ready`.
    """

    def __init__(
        self,
        *,
        schema: Schema,
        database_url: str | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        organization: str | None = None,
        participant: str | None = None,
        on_behalf_of: str | None = None,
        replication_url: str | None = None,
        pool_min_size: int = 1,
        pool_max_size: int = 10,
        timeout: float = DEFAULT_TIMEOUT,
        local: bool | Iterable[str | type[Model]] = False,
    ) -> None:
        place = Place(
            database_url=database_url,
            base_url=base_url,
            api_key=api_key,
            organization=organization,
            participant=participant,
            on_behalf_of=on_behalf_of,
            replication_url=replication_url,
            pool_min_size=pool_min_size,
            pool_max_size=pool_max_size,
        )
        background, tenant = Background(), Tenant()
        transport = place.transport(schema, tenant, background)
        self._schema = schema
        self._session = Session(
            Registry(schema, tenant),
            transport,
            timeout_of(timeout, DEFAULT_TIMEOUT),
            background,
            SchemaGate(schema.spec),
        )
        keys = local_keys(self._session, local)
        if keys:
            session = self._session
            copy = session.local.copy = LocalCopy(session, keys)
            session.local.queue = WriteQueue(
                background, lambda request: session.commit(request, None, "confirmed"), copy
            )
        self._access = AccessClient(self._session)
        self._commits = Commits(self._session)
        self._tracks = Tracks(self._session)
        self._presence = PresenceClient(self._session)
        self._sessions = Sessions(self._session)
        self._models: dict[str, ModelClient[Any]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Release claims, and end subscriptions and connections, permanently.

        After a fork, or in another event loop, it leaves the connections alone.
        """
        if not self._session.home.here:
            return
        if self._session.local.queue is not None:
            self._session.local.queue.close()
        await finished(self._close(), DEFAULT_TIMEOUT)

    async def _close(self) -> None:
        with shielded(DEFAULT_TIMEOUT):
            await release_all(self._session)
            await leave_quietly(self._presence)
            await self._session.background.close()
            await self._session.link.close()

    async def ready(self, *, timeout: float | None = None) -> KernelStatus:
        """Connect, and check login, kernel and schema; return the kernel's status.

        With `local=`, also start the local copy.
        Raises database_unreachable, database_role_cannot_enforce_rls, kernel_not_installed,
        kernel_checksum_mismatch (the kernel or a trigger was altered), model_not_provisioned. A
        schema other than the applied one only logs a warning: either may be the newer.
        """
        async with within(self._session.seconds(timeout), "Connecting"):
            await self._session.transport.open()
            status = await self._session.transport.ask(STATUS, NoBody())
        self._session.registry.numbered.update(status.numbered)
        if status.schema is None:
            raise error_for(
                "model_not_provisioned",
                "No schema has been applied to this database",
                remedy="run `ablo-pg migrate SCHEMA --admin-url URL`",
            )
        if not status.ready:
            raise error_for(
                "kernel_checksum_mismatch",
                f"The database differs from what was installed: {status.drift}",
                remedy="run `ablo-pg connect` and `ablo-pg migrate` again",
                details={"drift": status.drift},
            )
        if status.schema.hash != self._schema.hash:
            async with within(self._session.seconds(timeout), "Comparing schemas"):
                told = await self._session.gate.warning(self._session.transport)
            logger.warning(
                "the schema applied to the database is %s, this client's is %s%s",
                status.schema.hash,
                self._schema.hash,
                f"; {told}" if told else "",
            )
        if self._session.local.copy is not None:
            async with within(self._session.seconds(timeout), "Starting the local copy"):
                await self._session.local.copy.start()
        return status

    @property
    def access(self) -> AccessClient:
        """Why this client may or may not read and write a row."""
        return self._access

    @property
    def commits(self) -> Commits:
        """Atomic commits of several operations."""
        return self._commits

    @property
    def tracks(self) -> Tracks:
        """This participant's tracks; `ablo.tasks.track(id=...)` adds one."""
        return self._tracks

    @property
    def presence(self) -> PresenceClient:
        """Who is present, on what, with which claims."""
        return self._presence

    @property
    def sessions(self) -> Sessions:
        """Keys for users and agents, minted from the client's own API key."""
        return self._sessions

    @property
    def reader_status(self) -> ReaderStatus:
        """How changes reach this client: over the WAL, by LISTEN and why, or not yet."""
        return self._session.link.reader_status

    @overload
    def model(self, model: type[RowT]) -> ModelClient[RowT]: ...

    @overload
    def model(self, model: str) -> ModelClient[Any]: ...

    def model(self, model: type[Model] | str) -> ModelClient[Any]:
        """Return the client of one model, by declared class or schema key."""
        entry = self._session.registry.entry(model)
        found = self._models.get(entry.key)
        if found is None:
            found = self._models[entry.key] = ModelClient(self._session, entry)
        return found

    def __getattr__(self, name: str) -> ModelClient[Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._session.registry.keys:
            found = self.__dict__[name] = self.model(name)  # not looked up again
            return found
        raise unknown_attribute(name, self._session.registry.keys)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._session.registry.keys})

    async def snapshot(self, *, timeout: float | None = None, **targets: Ids) -> Snapshot:
        """Read named rows and the watermark together: `ablo.snapshot(tasks=id, users=[id, id])`."""
        return await take_snapshot(self._session, targets, timeout)

    async def undo(
        self,
        *,
        commit: str | Receipt | None = None,
        claim: str | None = None,
        actor: str | None = None,
        since: int | dt.datetime | None = None,
        preview: bool = False,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Undone:
        """Take changes back, in one commit of this client; return what it wrote and what it left.

        commit: a receipt of the last day, its server_tx_id, or an own idempotency key. claim: the
            id of a claim: what was written under it. actor: a participant, `kind:id`: what it wrote
            since a time, or after a sync id (since).
        preview: tell what it would write, and write nothing.

        Fields that others changed later, and rows that others deleted, are left (`Undone.left`);
        so are rows that this client may not see. An undone undo is a redo. Triggers of the table
        run as for any write. A call again under an idempotency_key that has landed returns its
        receipt only. Raises entity_not_found (no such commit), commit_too_many_operations (more
        than 500), stale_context (others kept changing the rows), and whatever a commit raises.
        """
        choice = chosen(commit, claim, actor, since)
        return await undo(
            self._session, choice, preview=preview, key=idempotency_key, timeout=timeout
        )

    def subscribe(
        self,
        *,
        models: Iterable[str | type[Model]] | None = None,
        cursor: int | None = None,
        groups: Iterable[str] | None = None,
    ) -> Subscription[Model]:
        """Follow all models' changes, or those of `models`; see `ModelClient.subscribe`."""
        keys = None
        if models is not None:
            entries = [self._session.registry.entry(model) for model in models]
            for one in entries:
                refuse_unlogged(one.spec)
            keys = frozenset(one.key for one in entries)
        return subscribe(self._session, keys, groups, cursor)

    async def on_change(
        self,
        callback: Callable[[Change[Model]], Awaitable[None] | None],
        *,
        models: Iterable[str | type[Model]] | None = None,
        cursor: int | None = None,
        groups: Iterable[str] | None = None,
    ) -> ChangeHandle:
        """Call `callback` with every change from now on; see `ModelClient.on_change`."""
        subscription = self.subscribe(models=models, cursor=cursor, groups=groups)
        return await follow(self._session, subscription, callback)

    def pending(self, written: Model | Receipt) -> Pending | None:
        """Return the handle of a `wait="queued"` call's result; None for anything else."""
        return pending_of(self._session, written)

    def receipt(self, row: Model) -> Receipt | None:
        """Return the receipt of the write that returned this row; None for a row that was read."""
        return receipt_of_row(row)


def unknown_attribute(name: str, keys: Iterable[str]) -> UnknownModelError:
    """Return the error for `ablo.<name>`; it is an AttributeError too."""
    return UnknownModelError(
        f"The schema declares no model {name!r}",
        model=name,
        remedy=f"{did_you_mean(name, keys)} To add a model, declare it in the schema and apply "
        "it with `ablo-pg migrate`",
    )
