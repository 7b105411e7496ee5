"""The operating-system user that Postgres runs as, and how that user reaches the binaries.

Postgres refuses to run as root. Started by root, it runs as an existing unprivileged user; binaries
in a folder which that user cannot enter (a virtual environment under /root) are linked or copied
once into a cache. No user is added and no existing folder's permissions are changed.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ablo_pg.cluster.binaries import Binaries
from ablo_pg.errors import AbloServerError

# `nobody` first: a superuser inside the cluster can act as this user, who owns no files,
# while `postgres` may own another server's data.
CANDIDATES: Final = ("nobody", "postgres", "daemon")
CACHE_FOLDERS: Final = ("/var/cache/ablo-pg", "/var/tmp/ablo-pg-cache")


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The user to run as; uid and gid are None when it is the current one."""

    name: str
    uid: int | None = None
    gid: int | None = None

    def run(
        self, command: Sequence[str], *, timeout: float, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user to its end; output is captured, a failure is returned.

        Raises: subprocess.TimeoutExpired. The working folder is `/`, which every user can enter.
        """
        groups: Sequence[int] | None = None if self.uid is None else ()
        return subprocess.run(
            command,
            user=self.uid,
            group=self.gid,
            extra_groups=groups,
            cwd="/",
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )

    def can_enter(self, folder: Path) -> bool:
        """Tell whether this user can enter that folder, whatever its access rules are."""
        if self.uid is None:
            return os.access(folder, os.X_OK)
        # A shell's `test` asks the kernel, so access control lists count too. 20 s: never reached
        # in practice; a false alarm costs a copy of the binaries.
        return (
            self.run(["/bin/sh", "-c", 'test -x "$1"', "sh", str(folder)], timeout=20).returncode
            == 0
        )

    def give(self, path: Path) -> None:
        """Make this user the owner of a file or folder that we just made."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def server_user() -> ServerUser:
    """Return the current user, or for root the first unprivileged one of `CANDIDATES`.

    Raises AbloServerError (embedded_postgres_unavailable) if root has none of them.
    """
    if os.geteuid() != 0:
        return ServerUser(_own_name())
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return ServerUser(name, entry.pw_uid, entry.pw_gid)
    raise AbloServerError(
        f"Postgres does not run as root, and none of the users {', '.join(CANDIDATES)} exists",
        code="embedded_postgres_unavailable",
        remedy="run as an ordinary user, or point DATABASE_URL at a running Postgres",
    )


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise AbloServerError(
            f"user id {os.geteuid()} has no name on this machine, and initdb needs one",
            code="embedded_postgres_unavailable",
            remedy="add a passwd entry for it, or point DATABASE_URL at a running Postgres",
        ) from None


def reachable_binaries(binaries: Binaries, user: ServerUser) -> Binaries:
    """Return binaries that `user` can run: the same, or a copy of them in a cache folder."""
    if user.can_enter(binaries.bin) or binaries.parts_root is None:
        return binaries
    cache = _cache_folder(user)
    home = cache / f"{binaries.provider}-{binaries.major}-{_fingerprint(binaries)}"
    if not home.is_dir():
        _copy_parts(binaries, home)
    relative = binaries.bin.relative_to(binaries.parts_root)
    return replace(binaries, bin=home / relative, parts_root=home)


def _fingerprint(binaries: Binaries) -> str:
    """Name one build of the binaries, so that an upgraded package gets its own copy."""
    server = binaries.bin / "postgres"
    stat = server.stat()
    text = f"{server} {stat.st_size} {stat.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _cache_folder(user: ServerUser) -> Path:
    for name in CACHE_FOLDERS:
        folder = Path(name)
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            owner = folder.stat().st_uid
        except OSError:
            continue
        # Another user's folder could be filled with other binaries.
        if owner == os.geteuid() and os.access(folder, os.W_OK) and user.can_enter(folder):
            return folder
    raise AbloServerError(
        f"user {user.name} cannot reach the Postgres binaries, and no folder to copy to was found",
        code="embedded_postgres_unavailable",
        remedy=f"make {CACHE_FOLDERS[0]}, or install where {user.name} can enter",
    )


def _copy_parts(binaries: Binaries, home: Path) -> None:
    """Copy by hard link if the file system allows it; `home` appears complete or not at all."""
    assert binaries.parts_root is not None
    building = Path(tempfile.mkdtemp(prefix=f"{home.name}.", dir=home.parent))
    try:
        for part in binaries.parts:
            shutil.copytree(
                binaries.parts_root / part,
                building / part,
                symlinks=True,
                copy_function=_link_or_copy,
                ignore=shutil.ignore_patterns("include", "doc", "*.a"),
            )
        for folder, _, _ in os.walk(building):
            os.chmod(folder, 0o755)
        os.rename(building, home)
    except FileExistsError:
        shutil.rmtree(building, ignore_errors=True)
    except OSError:
        shutil.rmtree(building, ignore_errors=True)
        if not home.is_dir():  # another process may have been first
            raise


def _link_or_copy(source: str, target: str) -> None:
    readable_by_all = os.stat(source).st_mode & 0o004
    if readable_by_all:
        try:
            os.link(source, target)
        except OSError:
            pass
        else:
            return
    shutil.copy2(source, target)
    os.chmod(target, os.stat(source).st_mode | 0o444 | (0o111 if os.access(source, os.X_OK) else 0))
