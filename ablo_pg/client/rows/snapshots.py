"""Several rows and the watermark, from one database snapshot: `ablo.snapshot(tasks=id)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias, cast

from ablo_pg.client.deadlines import within
from ablo_pg.client.names import did_you_mean
from ablo_pg.client.rows.decode import row_of
from ablo_pg.client.rows.values import encode_id
from ablo_pg.client.session import Session
from ablo_pg.errors import error_for
from ablo_pg.schema.rows import Model
from ablo_pg.wire.kernel_bodies import SnapshotBody, SnapshotTarget
from ablo_pg.wire.kernel_calls import SNAPSHOT_READ

Ids: TypeAlias = str | Sequence[str]
Rows: TypeAlias = Mapping[str, Model | None]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows of one snapshot.

    stamp: the organization's watermark; pass it as `read_at=`. models: schema key -> {id: row or
    None}. `snap.tasks` is short for `snap.models["tasks"]`.
    """

    stamp: int
    models: Mapping[str, Rows]

    def __getattr__(self, name: str) -> Mapping[str, Any]:
        found = None if name.startswith("_") else self.models.get(name)
        if found is None:
            raise AttributeError(
                f"the snapshot holds no {name!r}: {did_you_mean(name, self.models)}"
            )
        return cast("Mapping[str, Any]", found)

    def rows(self) -> list[Model]:
        """Return all rows that exist, in the requested order; usable as `reads=`."""
        return [row for rows in self.models.values() for row in rows.values() if row is not None]


async def take_snapshot(
    session: Session, targets: Mapping[str, Ids], timeout: float | None
) -> Snapshot:
    """Read the named rows and the watermark. Raises server_execute_unknown_model, invalid_id."""
    wanted = [
        (key, encode_id(key, row_id))
        for key, ids in targets.items()
        for row_id in ([ids] if isinstance(ids, str) or not isinstance(ids, Sequence) else ids)
    ]
    if not wanted and not targets:
        raise error_for(
            "invalid_request",
            "A snapshot names no rows",
            remedy="pass ids by model: ablo.snapshot(tasks=[...])",
        )
    entries = {key: session.registry.entry(key) for key in targets}
    body = SnapshotBody([SnapshotTarget(entries[key].typename, id) for key, id in wanted])
    async with within(session.seconds(timeout), "The snapshot"):
        found = await session.transport.ask(SNAPSHOT_READ, body)
        models: dict[str, dict[str, Model | None]] = {key: {} for key in targets}
        for (key, row_id), one in zip(wanted, found.rows, strict=True):
            data = one.data
            models[key][row_id] = None if data is None else row_of(entries[key], data, one.stamp)
        for key, rows in models.items():
            await session.admit(entries[key], rows.values())
    frozen = {key: MappingProxyType(rows) for key, rows in models.items()}
    return Snapshot(found.stamp, MappingProxyType(frozen))
