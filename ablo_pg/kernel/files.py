"""The kernel's SQL files: where they are, in which order they run, and their checksums."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from ablo_pg.errors import AbloServerError

BASE: Final = "00_base"
MIGRATIONS: Final = "migrations"
_VERSION: Final = re.compile(r"set_config\('ablo\.kernel_installing', '(\d+)'")


@dataclass(frozen=True, slots=True)
class KernelFile:
    """One file: `path` relative to sql/ with forward slashes, its text, the text's SHA-256."""

    path: str
    sql: str
    checksum: str

    @property
    def is_migration(self) -> bool:
        """Whether the file is a step between two kernels rather than part of the whole."""
        return self.path.startswith(f"{MIGRATIONS}/")


def sql_root() -> Path:
    """Return the sql/ folder: the installed package's, else the checkout's.

    An editable install does not have the files that the wheel adds to the package.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "sql", package.parent / "sql"):
        if (folder / BASE).is_dir():
            return folder
    raise AbloServerError(
        f"the kernel's SQL files are not in {package / 'sql'}",
        code="kernel_not_installed",
        remedy="reinstall ablo-pg: its wheel contains them",
    )


def read_files(root: Path) -> tuple[KernelFile, ...]:
    """Return the files under `root` in running order: 00_base, migrations, the other folders."""
    found = [_read(root, path) for path in root.glob("*/*.sql")]
    return tuple(sorted(found, key=_position))


def _position(file: KernelFile) -> tuple[int, str]:
    """Migrations run after the base only, before routines that need what they add."""
    folder = file.path.split("/")[0]
    return ({BASE: 0, MIGRATIONS: 1}.get(folder, 2), file.path)


def _read(root: Path, path: Path) -> KernelFile:
    text = path.read_text(encoding="utf-8")
    checksum = hashlib.sha256(text.encode()).hexdigest()
    return KernelFile(path.relative_to(root).as_posix(), text, checksum)


@cache
def kernel_files() -> tuple[KernelFile, ...]:
    """Return the kernel's files in running order. Read once per process."""
    return read_files(sql_root())


def kernel_version(files: tuple[KernelFile, ...] | None = None) -> int:
    """Return the version of these files (by default our own), from the first file."""
    first = (files or kernel_files())[0]
    match = _VERSION.search(first.sql)
    if match is None:
        raise AbloServerError(f"{first.path} states no kernel version", code="kernel_not_installed")
    return int(match[1])
