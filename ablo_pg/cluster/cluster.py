"""`Cluster`: an embedded Postgres, from initdb to a stop that leaves nothing behind."""

from __future__ import annotations

import atexit
import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ablo_pg.cluster.binaries import Binaries, Prefer, find_binaries
from ablo_pg.cluster.guard import Guard
from ablo_pg.cluster.paths import (
    ClusterPaths,
    clear_lock_files,
    is_server_of,
    lasting_home,
    lay_out,
    read_pid_file,
    remove,
    temporary_home,
)
from ablo_pg.cluster.server import Server
from ablo_pg.cluster.settings import ClusterSettings, access_rules, configuration
from ablo_pg.cluster.user import ServerUser, reachable_binaries, server_user
from ablo_pg.db.urls import make_url
from ablo_pg.errors import AbloServerError

SUPERUSER: Final = "postgres"
SOCKET_PORT: Final = 5432  # names the socket file; nothing listens on a network port
# Long enough for crash recovery on a slow disk. A false alarm stops a start in progress.
START_TIMEOUT: Final = 60
# After a fast shutdown's checkpoint; then the server is stopped immediately.
STOP_TIMEOUT: Final = 30
INITDB_TIMEOUT: Final = 120
# After a kill -9 of the postmaster its backends take a moment to notice; until they have gone, a
# new start is refused ("pre-existing shared memory block is still in use").
ORPHANS_TIMEOUT: Final = 15


class Cluster(Server):
    """Our own Postgres, temporary or kept in a folder: `with Cluster() as cluster: ...`.

    Args: folder, where to keep the data between runs; None makes a temporary cluster, which is
    deleted on stop, even if this process is killed. settings: see `ClusterSettings`; the default is
    durable for a kept cluster only. binaries, or `prefer` ("embedded", "system") to find some.
    Attributes after start: admin_url (the superuser at database postgres), tcp_url, pid. A kept
    cluster that already runs is used as it is, and is then not stopped by us.
    """

    def __init__(
        self,
        folder: Path | str | None = None,
        *,
        settings: ClusterSettings | None = None,
        binaries: Binaries | None = None,
        prefer: Prefer = "embedded",
    ) -> None:
        self.user: ServerUser = server_user()
        self.binaries = reachable_binaries(binaries or find_binaries(prefer), self.user)
        self.settings = settings or ClusterSettings(durable=folder is not None)
        self._folder = Path(folder).absolute() if folder is not None else None
        self._paths: ClusterPaths | None = None
        self._guard: Guard | None = None
        self._tcp_port: int | None = None
        self._started_here = False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def paths(self) -> ClusterPaths:
        """The folders of the started cluster."""
        if self._paths is None:
            raise RuntimeError("the cluster has not been started")
        return self._paths

    @property
    def pid(self) -> int | None:
        """The server's process id, or None if it does not run."""
        if self._paths is None:
            return None
        known = read_pid_file(self._paths.data)
        return known.pid if known and is_server_of(known.pid, self._paths.data) else None

    @property
    def tcp_url(self) -> str | None:
        """A URL over 127.0.0.1 without a login, if `tcp_port` was set: add user and password."""
        if self._tcp_port is None:
            return None
        return make_url({"host": "127.0.0.1", "port": self._tcp_port, "dbname": "postgres"})

    def start(self) -> Self:
        """Create the data folder if necessary and start the server; return when it accepts
        connections.

        Raises AbloServerError (embedded_postgres_unavailable) with the end of the server's log.
        """
        if self._folder is None:
            self._start_in(temporary_home(self.user, in_memory=not self.settings.durable))
        else:
            home = lasting_home(self._folder, self.user)
            with _locked(home / "start.lock"):
                self._start_in(home)
        return self

    def _start_in(self, home: Path) -> None:
        self._paths = lay_out(home, self.user)
        atexit.register(self.stop)
        try:
            if not self._adopt_running():
                self._initialise()
                self._launch()
        except BaseException:
            self.stop()
            raise

    def _adopt_running(self) -> bool:
        """Use a kept cluster's running server; remove the pid file of one that has died."""
        known = read_pid_file(self.paths.data)
        if known is None:
            return False
        if not is_server_of(known.pid, self.paths.data):
            clear_lock_files(self.paths)
            return False
        self._use(known.socket, known.port)
        return True

    def _use(self, socket_folder: Path, port: int) -> None:
        super().__init__(
            make_url({"user": SUPERUSER, "host": socket_folder, "port": port, "dbname": "postgres"})
        )
        self._tcp_port = port if self.settings.tcp_port is not None else None

    def _initialise(self) -> None:
        """Run initdb unless it has completed before, then write our configuration."""
        data = self.paths.data
        if not (data / "ablo.conf").exists():
            data.mkdir(mode=0o700, exist_ok=True)
            self.user.give(data)
            options = [*_INITDB, *(_BUILTIN_LOCALE if self.binaries.major >= 17 else ())]
            self._run("initdb", [*options, "--pgdata", str(data)], timeout=INITDB_TIMEOUT)
            with (data / "postgresql.conf").open("a") as conf:
                conf.write("\ninclude_if_exists = 'ablo.conf'\n")
            (data / "pg_hba.conf").write_text(access_rules())
        port = self.settings.tcp_port
        port = SOCKET_PORT if port is None else port or _free_port()
        text = configuration(self.settings, str(self.paths.socket), port, self.binaries.major)
        (data / "ablo.conf").write_text(text)
        self._use(self.paths.socket, port)

    def _launch(self) -> None:
        self.paths.log.touch(mode=0o600)
        self.user.give(self.paths.log)
        deadline = time.monotonic() + ORPHANS_TIMEOUT
        while True:
            try:
                self._pg_ctl_start()
                break
            except AbloServerError as error:
                told = "\n".join(error.details["log"])
                if "shared memory block" not in told or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)  # they are not our children, so their end cannot be awaited
        self._started_here = True
        if self._folder is None:
            known = read_pid_file(self.paths.data)
            assert known is not None  # pg_ctl waited for it
            self._guard = Guard.watch(
                known.pid, self.paths.data, [self.paths.home, self.paths.socket]
            )

    def _pg_ctl_start(self) -> None:
        paths = self.paths
        start = ["start", "-w", "-t", str(START_TIMEOUT), "-D", str(paths.data)]
        self._run("pg_ctl", [*start, "-l", str(paths.log)], timeout=START_TIMEOUT + 10)

    def stop(self) -> None:
        """Stop the server if we started it, and delete a temporary cluster. Safe to repeat."""
        if self._paths is None:
            return
        atexit.unregister(self.stop)
        pid = self.pid if self._started_here else None
        if pid is not None:
            self._stop_server()
        if self._guard is not None:
            self._guard.release()
        remove(self._paths, keep_home=self._folder is not None)
        self._paths, self._guard, self._started_here = None, None, False

    def own(self) -> None:
        """Take over a running server as if it was started here: `stop` stops it."""
        self._started_here = True

    def kill(self) -> None:
        """Stop the server as a crash would (SIGQUIT, no checkpoint); `restart` recovers it."""
        self._pg_ctl_stop("immediate")

    def restart(self) -> None:
        """Start the server again after `kill`, or stop and start it."""
        if self.pid is not None:
            self._stop_server()
        if self._guard is not None:
            self._guard.release()
        self._launch()

    def _stop_server(self) -> None:
        try:
            self._pg_ctl_stop("fast")
        except AbloServerError:
            self._pg_ctl_stop("immediate")

    def _pg_ctl_stop(self, mode: str) -> None:
        arguments = ["stop", "-w", "-t", str(STOP_TIMEOUT), "-m", mode, "-D", str(self.paths.data)]
        self._run("pg_ctl", arguments, timeout=STOP_TIMEOUT + 10)

    def _run(self, program: str, arguments: Sequence[str], *, timeout: float) -> None:
        command = [self.binaries.program(program), *arguments]
        try:
            done = self.user.run(command, timeout=timeout, env=_environment())
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise self._failed(program, str(exc)) from exc
        if done.returncode != 0:
            raise self._failed(program, done.stderr or done.stdout)

    def _failed(self, program: str, output: str) -> AbloServerError:
        log = self.paths.log
        told = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else []
        return AbloServerError(
            f"{program} failed: {output.strip()}",
            code="embedded_postgres_unavailable",
            remedy="see the server's log below" if told else "see the message of the program above",
            details={"log": told, "binaries": str(self.binaries.bin), "user": self.user.name},
        )


_INITDB: Final = (
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--no-locale",
    "--auth=trust",  # replaced at once by our own pg_hba.conf
    "--no-instructions",
    "--no-sync",  # the first checkpoint of a durable cluster syncs everything
)


# Text sorts by code point on every machine. Postgres 17 and later know the case of all letters
# without the help of the system.
_BUILTIN_LOCALE: Final = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")


def _environment() -> dict[str, str]:
    """A clean environment: PG* variables of the caller must not reach initdb or the server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file lock, so that two processes do not start one kept cluster at once."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
