"""`connect`: from an administrative connection to two working, least-privilege URLs.

Used by the command line and by `ablo_pg.testing`; all of it can be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ablo_pg.db import session
from ablo_pg.db.admin import admin_connection
from ablo_pg.db.catalog import admin_rights, server_setting
from ablo_pg.db.errors import translate_admin
from ablo_pg.db.urls import make_url, with_login
from ablo_pg.errors import AbloPermissionError
from ablo_pg.kernel.fit import SQL_ASCII
from ablo_pg.kernel.install import Installed, install
from ablo_pg.kernel.roles import (
    Login,
    Logins,
    insufficient_rights,
    make_control_login,
    make_logins,
    require_role_rights,
)

# For a URL that we just made: a server that took our admin connection answers well within it, and a
# false alarm only costs the note that the URL could not be tested.
PROBE_TIMEOUT: Final = 5


@dataclass(frozen=True, slots=True)
class Connected:
    """The result of `connect`. `replication_url` is None if we may not grant replication;
    `control_url` if it was not requested.

    notes: sentences for a person: what was done, and what would improve it. problems: URLs that do
    not work from here, and why.
    """

    installed: Installed
    database_url: str
    replication_url: str | None
    notes: tuple[str, ...]
    problems: tuple[str, ...] = ()
    control_url: str | None = None


def connect(admin_url: str, *, control: bool = False) -> Connected:
    """Install the kernel, create (or renew) the logins, and test their URLs.

    Args: admin_url, of a login that may create roles, at the database to use. control: also create
    the control login; from then on the runtime login cannot create or manage keys. Raises:
    database_unreachable, and the errors of `install` and `make_logins`. If the login may not create
    roles, details["sql"] is for a login that may, along with the URLs that it creates.
    """
    with admin_connection(admin_url) as conn:
        place = _place(conn, admin_url)
        try:
            require_role_rights(conn)
            installed = _install(conn)
            logins = make_logins(conn)
            control_login = make_control_login(conn) if control else None
        except AbloPermissionError as exc:
            _add_urls(exc, place)
            raise
        except psycopg.errors.InsufficientPrivilege as exc:
            raise translate_admin(exc, conn) from exc
        notes = tuple(_notes(conn, installed, logins, control_login))
        ports = (server_setting(conn, "listen_addresses"), server_setting(conn, "port"))
    database_url, problem = _working_url(place, logins.runtime, ports)
    replication_url, second = None, None
    if logins.replication is not None:
        replication_url, second = _working_url(place, logins.replication, ports)
    control_url, third = None, None
    if control_login is not None:
        control_url, third = _working_url(place, control_login, ports)
    problems = tuple(text for text in (problem, second, third) if text)
    return Connected(installed, database_url, replication_url, notes, problems, control_url)


def _install(conn: psycopg.Connection) -> Installed:
    """Install; a refusal for lack of rights also carries SQL for another login."""
    try:
        return install(conn)
    except AbloPermissionError as exc:
        if exc.code != "admin_role_insufficient" or admin_rights(conn).superuser:
            raise
        raise insufficient_rights(conn, with_groups=True) from exc


def _add_urls(error: AbloPermissionError, place: Mapping[str, object]) -> None:
    """Add the URLs that the error's SQL creates: in the SQL, passwords are only verifiers."""
    for name, variable in (("runtime", "DATABASE_URL"), ("replication", "ABLO_REPLICATION_URL")):
        login = error.details.pop(name, None)
        if isinstance(login, Login):
            error.details[variable] = make_url(with_login(place, login.name, login.password))


def _place(conn: psycopg.Connection, admin_url: str) -> Mapping[str, object]:
    """The database's complete location, with what the environment adds to the URL."""
    place = conninfo_to_dict(admin_url)
    if "," not in str(place.get("host", "")):
        place |= {"host": conn.info.host, "port": conn.info.port}
    return place | {"dbname": conn.info.dbname}


def _notes(
    conn: psycopg.Connection, installed: Installed, logins: Logins, control: Login | None
) -> Iterator[str]:
    if installed.before is None:
        yield f"kernel {installed.version} installed"
    elif installed.changed_files:
        yield f"kernel {installed.before} upgraded to {installed.version}"
    elif not installed.restored:
        yield f"kernel {installed.version} was installed already; nothing changed"
    else:
        yield f"kernel {installed.version} was installed already; rights on it were restored"
    if server_setting(conn, "server_encoding") == "SQL_ASCII":
        yield SQL_ASCII
    if installed.passed_over is not None:
        yield (
            f"event triggers were off during the install: {installed.passed_over}, which one "
            "calls, fails as ablo_owner (see its rights and the names that it uses)"
        )
    for lack in installed.restored:
        yield f"restored: {lack.role} had lost {lack.lost}"
    for login in (logins.runtime, logins.replication, control):
        if login is not None and login.rotated:
            yield f"login {login.name} existed: its password was changed, the old one is void"
        elif login is not None:
            yield f"login {login.name} created"
    if logins.replication_sql is not None:
        yield (
            "this login may not grant REPLICATION, so streams use LISTEN/NOTIFY; to stream the "
            f"WAL, let a superuser run: {logins.replication_sql}"
        )
    elif server_setting(conn, "wal_level") != "logical":
        yield (
            "wal_level is not logical, so streams use LISTEN/NOTIFY; to stream the WAL, run "
            "`alter system set wal_level = logical;` and restart the server"
        )


def _working_url(
    place: Mapping[str, object], login: Login, listening: tuple[str | None, str | None]
) -> tuple[str, str | None]:
    """Return the first URL that accepts the login, or the plain one and why it failed.

    Over a unix socket many servers only admit a login named like the operating-system user (peer);
    the same server usually accepts a password on its loopback address.
    """
    plain = make_url(with_login(place, login.name, login.password))
    urls = [plain]
    addresses, port = listening
    if str(place.get("host", "")).startswith("/") and addresses:
        loopback = {"host": "127.0.0.1", "port": port or "5432"}
        urls.append(make_url(with_login(place, login.name, login.password, **loopback)))
    failure = ""
    for url in urls:
        try:
            session.connect(url, connect_timeout=PROBE_TIMEOUT).close()
        except psycopg.OperationalError as exc:
            failure = failure or str(exc).strip().splitlines()[-1]
        else:
            return url, None
    return plain, (
        f"login {login.name} was created but cannot connect from here: {failure}; let pg_hba.conf "
        "admit it with a password (scram-sha-256)"
    )
