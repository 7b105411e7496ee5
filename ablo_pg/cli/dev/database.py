"""The database that `dev` uses: an embedded Postgres in .ablo/, or a given one.

At its next start, `dev` must not mistake the URLs that it wrote to .env for the user's choice: it
records its own URLs in .ablo/dev.json.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg

from ablo_pg.cluster import Cluster, Server
from ablo_pg.db.catalog import admin_rights
from ablo_pg.db.urls import without_password
from ablo_pg.errors import AbloError, error_for
from ablo_pg.kernel import admin_connection, connect, install

FOLDER: Final = Path(".ablo")
NOTE: Final = "dev.json"
DATABASE: Final = "app"
URL_NAMES: Final = ("ABLO_ADMIN_URL", "DATABASE_URL", "ABLO_REPLICATION_URL")


@dataclass(frozen=True, slots=True)
class Place:
    """A database that is ready for a schema: its three URLs, and its description."""

    title: str
    admin_url: str = field(repr=False)
    database_url: str = field(repr=False)
    replication_url: str | None = field(repr=False)
    cluster: Cluster | None = None

    @property
    def settings(self) -> dict[str, str]:
        """The lines of .env."""
        lines = {"ABLO_ADMIN_URL": self.admin_url, "DATABASE_URL": self.database_url}
        if self.replication_url is not None:
            lines["ABLO_REPLICATION_URL"] = self.replication_url
        return lines


@contextmanager
def database(
    environment: Mapping[str, str], *, ephemeral: bool, folder: Path = FOLDER
) -> Iterator[Place]:
    """Prepare the database, keep it running, and stop what was started for it.

    Args: environment, the variables, including those of .env. Raises: invalid_options if another
    `dev` runs in this folder, or the given login lacks a right; embedded_postgres_unavailable; the
    errors of `connect`.
    """
    with _alone(folder):
        ours = _noted(folder)
        urls = {name: environment.get(name, "") for name in URL_NAMES}
        given = {name: url for name, url in urls.items() if url and url not in ours}
        if "ABLO_ADMIN_URL" in given or "DATABASE_URL" in given:
            yield _given(given)
            return
        kept = None if ephemeral else folder / "postgres"
        with Cluster(kept) as cluster:
            cluster.own()  # no other `dev` works in this folder: a running server is left over
            place = _embedded(cluster, kept)
            _note(folder, place)
            yield place


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. It ends with the process, even if the process is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "dev.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise error_for(
                "invalid_options",
                f"another `ablo-pg dev` runs in this folder ({folder.absolute().parent})",
                remedy="use that one, or stop it first",
            ) from None
        yield


def _noted(folder: Path) -> frozenset[str]:
    try:
        return frozenset(json.loads((folder / NOTE).read_text()))
    except (OSError, ValueError):
        return frozenset()


def _note(folder: Path, place: Place) -> None:
    """Record our URLs, readable only by the folder's owner: they contain passwords."""
    path = folder / NOTE
    path.touch(mode=0o600)
    path.write_text(json.dumps(list(place.settings.values())))


def _embedded(cluster: Cluster, kept: Path | None) -> Place:
    admin_url = database_of(cluster)
    done = connect(admin_url)
    data = "the data is discarded" if kept is None else f"data in {_shown(cluster.paths.home)}"
    title = f"{cluster.binaries.major} embedded ({cluster.binaries.provider}), {data}"
    return Place(title, admin_url, done.database_url, done.replication_url, cluster)


def _shown(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def database_of(server: Server) -> str:
    """Return the URL of our database on a server; create it if it does not exist."""
    with suppress(psycopg.errors.DuplicateDatabase):
        server.create_database(DATABASE)
    return server.url(DATABASE)


def _given(given: Mapping[str, str]) -> Place:
    admin_url = given.get("ABLO_ADMIN_URL") or given["DATABASE_URL"]
    with admin_connection(admin_url) as conn:
        if not admin_rights(conn).may_install:
            raise error_for(
                "admin_role_insufficient",
                "DATABASE_URL names a login that may not install the kernel",
                remedy="set ABLO_ADMIN_URL to a login that may (see `ablo-pg connect --help`), "
                "or remove both to use an embedded Postgres",
            )
        version = conn.info.server_version // 10_000
        runtime = given.get("DATABASE_URL")
        if runtime is not None and runtime != admin_url and _may_run(runtime):
            install(conn)
            title = f"{version} at {without_password(runtime)}"
            return Place(title, admin_url, runtime, given.get("ABLO_REPLICATION_URL"))
    done = connect(admin_url)
    title = f"{version} at {without_password(admin_url)}"
    return Place(title, admin_url, done.database_url, done.replication_url)


def _may_run(url: str) -> bool:
    """Whether a login works and cannot bypass row-level security."""
    try:
        with admin_connection(url) as conn:
            return not admin_rights(conn).may_install
    except AbloError:
        return False
