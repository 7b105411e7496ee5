"""What a service asks of an endpoint, as values. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from ablo_pg.source.refused import Refused

Row: TypeAlias = dict[str, Any]
"""A row, or another object of the protocol, as JSON has it."""
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Op: TypeAlias = Literal["CREATE", "UPDATE", "DELETE", "ARCHIVE", "UNARCHIVE"]


class Scope(msgspec.Struct, frozen=True, rename="camel"):
    """For whom a service asks. organization_id: the tenant, to which rows are limited."""

    participant_id: str | None = None
    participant_kind: str | None = None
    organization_id: str | None = None
    branch_id: str | None = None
    project_id: str | None = None
    required_sync_groups: list[str] = []


class Request(msgspec.Struct, frozen=True, rename="camel", tag_field="type", kw_only=True):
    """Any of them."""

    scope: Scope | None = None

    @property
    def organization(self) -> str | None:
        """The tenant, if the service names one."""
        return None if self.scope is None else self.scope.organization_id


class Load(Request, frozen=True, tag="load"):
    """One row."""

    model: Text
    id: Text


class Query(msgspec.Struct, frozen=True, rename="camel"):
    """A page of rows. where: [column, value] or [column, operator, value], all of which hold."""

    where: list[list[object]] = []
    limit: Limit = 100
    order_by: Text | None = None
    order: Literal["asc", "desc"] = "asc"
    related: list[str] = []
    cursor: str | None = None


class List(Request, frozen=True, tag="list"):
    """Rows of a model."""

    model: Text
    query: Query = Query()


class Operation(msgspec.Struct, frozen=True, rename="camel"):
    """One row change. Claims and premises were judged by the service, before it asked."""

    type: Op
    model: Text
    id: Text | None = None
    input: Row | None = None
    transaction_id: Text | None = None
    claim_id: Text | None = None
    read_at: object = None
    on_stale: object = None


class Echo(msgspec.Struct, frozen=True):
    """A message that the transaction emits into its WAL, for a reader of that."""

    kind: Literal["postgres-wal"]
    payload: Annotated[str, msgspec.Meta(max_length=256 << 10)]


class Commit(Request, frozen=True, tag="commit"):
    """Row changes that land together, and once for each correlation id.

    intent_hash: what the service hashed them to: the same id with another is refused.
    """

    operations: Annotated[list[Operation], msgspec.Meta(min_length=1, max_length=500)]
    correlation_id: Text | None = None
    client_tx_id: Text | None = None
    intent_hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
    echo: Echo | None = None

    @property
    def key(self) -> str:
        """The id under which it applies once. Raises Refused."""
        found = self.correlation_id or self.client_tx_id
        if found is None:
            raise Refused(
                400, "source_commit_requires_correlation_id", "a commit needs a correlationId"
            )
        return found


class Events(Request, frozen=True, tag="events"):
    """Changes after a cursor, also those that others than the service made."""

    cursor: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,18}$")] | None = None
    limit: Limit = 100


AnyRequest: TypeAlias = Load | List | Commit | Events
_DECODER = msgspec.json.Decoder(AnyRequest)


def read(body: bytes) -> AnyRequest:
    """Read a body. Raises Refused."""
    try:
        return _DECODER.decode(body)
    except msgspec.ValidationError as exc:
        raise Refused(400, "unknown_source_request", str(exc)[:300]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Refused(400, "invalid_json", f"the body is not JSON: {exc}"[:300]) from None
