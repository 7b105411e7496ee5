"""Where a cluster's files are, and what its pid file says about a server that may still run."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ablo_pg.cluster.user import ServerUser

# A unix socket's path holds 107 bytes on Linux and 103 on macOS, and Postgres appends the name.
SOCKET_PATH_MAX: Final = 103
SOCKET_NAME_MAX: Final = len("/.s.PGSQL.65535.lock")
MEMORY: Final = Path("/dev/shm")
# Bytes that must be free there. Protects a small machine's memory; a false alarm costs time.
MEMORY_FREE: Final = 8 << 30


@dataclass(frozen=True, slots=True)
class ClusterPaths:
    """The folders of one cluster; `data` and `socket` belong to the server's user."""

    home: Path
    data: Path
    socket: Path
    log: Path


def temporary_home(user: ServerUser, *, in_memory: bool = False) -> Path:
    """Create a folder for a temporary cluster that only `user` (and root) can enter.

    TMPDIR is used if the user can enter it; otherwise the system's temporary folder. in_memory: if
    TMPDIR is not set, use a file system in memory that has plenty of space: a database is created
    there in a third of the time.
    """
    parents = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    if in_memory and "TMPDIR" not in os.environ and _has_room(MEMORY):
        parents.insert(0, MEMORY)
    for parent in parents:
        if parent.is_dir() and user.can_enter(parent):
            home = Path(tempfile.mkdtemp(prefix="ablo-pg-", dir=parent))
            user.give(home)
            return home
    raise FileNotFoundError("no temporary folder that the server's user can enter")


def _has_room(folder: Path) -> bool:
    return folder.is_dir() and shutil.disk_usage(folder).free >= MEMORY_FREE


def lasting_home(folder: Path, user: ServerUser) -> Path:
    """Make (or find) the folder of a kept cluster at `folder`.

    If the server's user cannot enter its parent (a project under /root, started by root), the files
    go to a folder below /var/lib named after the path, and `folder`/location has its path.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if user.can_enter(folder):
        return folder
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    home = Path("/var/lib/ablo-pg") / digest
    home.mkdir(mode=0o755, parents=True, exist_ok=True)
    (folder / "location").write_text(f"{home}\n")
    return home


def lay_out(home: Path, user: ServerUser) -> ClusterPaths:
    """Return the cluster's paths, with the socket folder made: 0700, and short enough."""
    socket = home / "socket"
    if len(os.fsencode(socket)) + SOCKET_NAME_MAX > SOCKET_PATH_MAX:
        socket = Path(tempfile.mkdtemp(prefix="ablo-", dir="/tmp"))
    socket.mkdir(mode=0o700, exist_ok=True)
    socket.chmod(0o700)
    user.give(socket)
    return ClusterPaths(home, home / "data", socket, home / "server.log")


def remove(paths: ClusterPaths, *, keep_home: bool) -> None:
    """Delete a cluster's files, or of a kept one only a socket folder outside its home."""
    if not keep_home:
        shutil.rmtree(paths.home, ignore_errors=True)
    if not paths.socket.is_relative_to(paths.home):
        shutil.rmtree(paths.socket, ignore_errors=True)


def clear_lock_files(paths: ClusterPaths) -> None:
    """Remove the files of a server that has died: Postgres trusts these files as long as any
    process (even a zombie) has the pid in them."""
    (paths.data / "postmaster.pid").unlink(missing_ok=True)
    for file in paths.socket.iterdir():
        file.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class PidFile:
    """The lines of postmaster.pid that we use (Postgres, src/include/utils/pidfile.h)."""

    pid: int
    port: int
    socket: Path


def read_pid_file(data: Path) -> PidFile | None:
    """Return the content of postmaster.pid, or None if it is missing or incomplete."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return PidFile(int(lines[0]), int(lines[3]), Path(lines[4]))
    except (FileNotFoundError, IndexError, ValueError):
        return None


def is_server_of(pid: int, data: Path) -> bool:
    """Tell whether process `pid` is the Postgres of that data folder.

    A pid alone proves nothing: after a crash, and always in a restarted container, another process
    may have it. A server's working folder is its data folder.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # not ours, and we could not stop it
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd")) == data.resolve()
    except PermissionError:
        return False
    except OSError:  # no /proc: ask for the command line instead
        command = ["ps", "-o", "command=", "-p", str(pid)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return str(data) in done.stdout
