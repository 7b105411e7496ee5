"""The settings of a relay: places, limits, deadlines. Every limit has its default here.

Pure values. The command line fills them in (`cli.relay`); `RelayService` and the interfaces read
them. A caller beyond a limit gets a typed error that names it; docs/relay.md lists them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Final

from ablo_pg.db.urls import url_parameters, without_password
from ablo_pg.errors import error_for

# The kernel's maximum, whatever a relay would allow.
MOST: Final = {"operations": 500, "premises": 500, "list_rows": 1000}
SECRET: Final = ("database_url", "replication_url", "admin_url")


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """The settings of one relay. Times are seconds, sizes bytes.

    Places: host, port (0: any free one), database_url of the runtime login, replication_url of the
    one that may stream (without it changes come by LISTEN), admin_url for schema pushes only
    (without it a push is refused with the alternatives), allowed_origins of browsers (`*`: any).
    """

    host: str = "127.0.0.1"
    port: int = 8787
    database_url: str = field(repr=False)
    replication_url: str | None = field(default=None, repr=False)
    admin_url: str | None = field(default=None, repr=False)
    allowed_origins: tuple[str, ...] = ()
    docs: bool = True  # /docs and /openapi.json, which show the schema's names without a key
    console: bool = False  # /console/, a page for people: without a key it shows nothing

    # Limits of one request.
    body_bytes: int = 1 << 20
    operations: int = 500
    premises: int = 500
    json_depth: int = 64
    requests_per_second: float = 200.0  # of one key, sustained
    request_burst: int = 400  # of one key, at once
    list_rows: int = 1000

    # Deadlines. Each protects connections from a caller that stalls; a false alarm costs that
    # caller a request.
    header_seconds: float = 10.0  # from the connection, or the previous answer, to the head
    body_seconds: float = 15.0  # from the head to the last byte of the body
    request_seconds: float = 28.0  # the whole answer; clients give up after 30
    statement_seconds: float = 15.0
    keep_alive_seconds: float = 75.0
    stop_seconds: float = 10.0  # for running requests after the relay is stopped

    # Connections.
    pool_size: int = 10
    # Of the pool: concurrent statements of one organization. Commits that wait for rows take half
    # of the pool at most, and leave one of these to calls that need not wait.
    organization_share: int = 6
    acquire_seconds: float = 10.0
    connections: int = 10_000  # of clients, sockets included

    # Live streams.
    frame_bytes: int = 1 << 20
    subscriptions: int = 200  # sync groups of one socket
    sockets_per_session: int = 20
    open_claims: int = 64  # of one participant
    open_waits: int = 32
    queue_count: int = 8192  # deltas that one subscriber may leave unread
    queue_bytes: int = 8 << 20
    # How long a socket, a stream or an answer may leave written data unread. Protects memory; a
    # false alarm costs that client a reconnect, from its cursor.
    stuck_seconds: float = 20.0
    # Of large answers to one organization that clients have not read yet. Protects memory.
    unread_bytes: int = 128 << 20

    # Readiness: a canary passes through the whole path this often, and may be this old.
    canary_seconds: float = 2.0
    canary_age: float = 10.0

    def __post_init__(self) -> None:
        for name in SECRET:
            if getattr(self, name) is not None:
                url_parameters(getattr(self, name), name)
        for name in self.limits():
            value = getattr(self, name)
            if value <= 0:
                raise error_for(
                    "invalid_options",
                    f"{name} is {value}, and must be above 0",
                    field=name,
                    remedy="leave it out for its default",
                )
            if value > MOST.get(name, value):
                raise error_for(
                    "invalid_options",
                    f"{name} is {value}; the kernel's maximum is {MOST[name]}",
                    field=name,
                    remedy=f"set it to {MOST[name]} or less",
                )

    @classmethod
    def limits(cls) -> dict[str, type[int] | type[float]]:
        """Return the settings that are numbers, except the port, with their types."""
        kinds = {int: int, float: float}
        found = {each.name: kinds.get(type(each.default)) for each in fields(cls)}
        return {name: kind for name, kind in found.items() if kind and name != "port"}

    def printable(self) -> dict[str, object]:
        """Return every setting; URLs without their passwords."""
        values = asdict(self)
        for name in SECRET:
            values[name] = without_password(values[name])
        return values
