"""One operation of a commit, as a value; `commits.create` takes plain dicts too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from ablo_pg.client.rows.premises import OnStale
from ablo_pg.schema.rows import Model

Action: TypeAlias = Literal["create", "update", "delete", "archive", "unarchive"]
ModelRef: TypeAlias = str | type[Model]


class Operation(msgspec.Struct, frozen=True):
    """One row change.

        Operation("update", Task, id=task.id, data={"status": "done"}, read_at=snap.stamp)

    model: a schema key or a declared class. id: required except for "create", which generates one.
    read_at: the stamp at which the row was read; on_stale decides if the row is newer. claim_id,
    fence_token: of the claim that this write is made under; set automatically for a claim that the
    client holds.
    """

    action: Action
    model: ModelRef
    id: str | None = None
    data: Mapping[str, object] | None = None
    read_at: int | None = None
    on_stale: OnStale | None = None
    transaction_id: str | None = None
    claim_id: str | None = None
    fence_token: int | None = None
