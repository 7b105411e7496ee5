"""The base of `Ablo`: it owns the event loop's thread and the async client in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self, TypeVar, overload

from ablo_pg.client.async_client import AsyncAblo, unknown_attribute
from ablo_pg.client.deadlines import DEFAULT_TIMEOUT
from ablo_pg.client.home import Rooted
from ablo_pg.client.live.subscriptions import Change
from ablo_pg.client.portal import Portal
from ablo_pg.client.rows.models import ModelClient
from ablo_pg.client.sync.models import SyncModelClient
from ablo_pg.client.sync.subscriptions import SyncChangeHandle, SyncSubscription, follow_blocking
from ablo_pg.schema.author import Schema
from ablo_pg.schema.rows import Model

RowT = TypeVar("RowT", bound=Model)


class BlockingClient(Rooted):
    """Owns the event loop and the async client in it; safe to use from several threads."""

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
        self._keys = tuple(schema)
        self._portal = Portal()
        self._inner = AsyncAblo(
            schema=schema,
            database_url=database_url,
            base_url=base_url,
            api_key=api_key,
            organization=organization,
            participant=participant,
            on_behalf_of=on_behalf_of,
            replication_url=replication_url,
            pool_min_size=pool_min_size,
            pool_max_size=pool_max_size,
            timeout=timeout,
            local=local,
        )
        self._models: dict[str, SyncModelClient[Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Release claims, and end subscriptions and connections, permanently."""
        if self._portal.running:
            self._portal.call(self._inner.close)
        self._portal.close()

    @overload
    def model(self, model: type[RowT]) -> SyncModelClient[RowT]: ...

    @overload
    def model(self, model: str) -> SyncModelClient[Any]: ...

    def model(self, model: type[Model] | str) -> SyncModelClient[Any]:
        """Return the client of one model, by declared class or schema key."""
        inner: ModelClient[Any] = self._inner.model(model)
        found = self._models.get(inner.key)
        if found is None:
            found = self._models[inner.key] = SyncModelClient(self._portal, inner)
        return found

    def __getattr__(self, name: str) -> SyncModelClient[Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._keys:
            return self.model(name)
        raise unknown_attribute(name, self._keys)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._keys})

    def on_change(
        self,
        callback: Callable[[Change[Model]], None],
        *,
        models: Iterable[str | type[Model]] | None = None,
        cursor: int | None = None,
        groups: Iterable[str] | None = None,
    ) -> SyncChangeHandle:
        """Call `callback` with every change from now on, in a separate thread."""
        inner = self._inner.subscribe(models=models, cursor=cursor, groups=groups)
        return follow_blocking(SyncSubscription(self._portal, inner), callback)
