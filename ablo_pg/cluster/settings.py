"""The configuration of our cluster: pure text for `ablo.conf` and `pg_hba.conf`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# Only if a crash may lose the data: a temporary cluster is deleted after it anyway.
# synchronous_commit stays on: a flush costs little without fsync, and logical decoding only sees
# what has been flushed, so that turning it off delays every delta by up to 200 ms.
NON_DURABLE: Final[Mapping[str, str]] = {
    "fsync": "off",
    "full_page_writes": "off",
}


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Options of one cluster.

    durable: keep fsync on. tcp_port: also listen on 127.0.0.1 (0 = any free port; None = unix
    socket only). timezone: a Postgres time zone name. extra: further settings, which win.
    """

    durable: bool = True
    wal_level: str = "logical"
    max_connections: int = 100
    max_prepared_transactions: int = 20
    timezone: str = "UTC"
    tcp_port: int | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


def configuration(settings: ClusterSettings, socket_folder: str, port: int, major: int) -> str:
    """Return the text of `ablo.conf`, which postgresql.conf includes last. major: of the server."""
    values: dict[str, str] = {
        "listen_addresses": "127.0.0.1" if settings.tcp_port is not None else "",
        "port": str(port),
        "unix_socket_directories": socket_folder,
        "unix_socket_permissions": "0777",  # the folder around it is 0700
        "wal_level": settings.wal_level,
        "max_connections": str(settings.max_connections),
        "max_prepared_transactions": str(settings.max_prepared_transactions),
        "max_wal_senders": "20",
        "max_replication_slots": "20",
        "timezone": settings.timezone,
        "log_timezone": "UTC",
        "password_encryption": "scram-sha-256",
        "log_line_prefix": "%m [%p] %q%u@%d ",
    }
    if not settings.durable:
        values |= NON_DURABLE
        if major >= 16:  # its passwords are as short-lived, so hashing need not be slow
            values["scram_iterations"] = "1"
    values |= settings.extra
    lines = [f"{name} = {_quoted(value)}" for name, value in values.items()]
    return (
        "# Written at every start; put your own settings into postgresql.conf.\n"
        + "\n".join(lines)
        + "\n"
    )


def access_rules() -> str:
    """Return the text of `pg_hba.conf`.

    The socket's folder is 0700, so only the user who runs the cluster (or root) can reach the
    socket, and that user owns its files too: a password would add nothing. Over TCP every user of
    this machine could connect, so a password is required.
    """
    return (
        "# type  database     user  address        method\n"
        "local   all          all                  trust\n"
        "local   replication  all                  trust\n"
        "host    all          all   127.0.0.1/32   scram-sha-256\n"
        "host    replication  all   127.0.0.1/32   scram-sha-256\n"
    )


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
