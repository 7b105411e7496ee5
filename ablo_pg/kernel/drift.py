"""What in a database differs from what its kernel and this package say should be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from ablo_pg.db.catalog import installed_kernel, kernel_status
from ablo_pg.kernel.files import kernel_files, kernel_version


@dataclass(frozen=True, slots=True)
class KernelState:
    """The state of the installed kernel.

    installed: None without a kernel. outdated: files that differ from ours (an upgrade or a
    downgrade is due). drift: what the database itself reports (triggers disabled, and so on).
    """

    installed: int | None
    own: int
    outdated: tuple[str, ...]
    drift: tuple[Any, ...]
    status: dict[str, Any]

    @property
    def sound(self) -> bool:
        """Whether a kernel of ours is installed, unchanged, and reports no drift."""
        return self.installed == self.own and not self.outdated and not self.drift


def kernel_state(conn: psycopg.Connection) -> KernelState:
    """Read the state of a database's kernel. Read-only."""
    kernel = installed_kernel(conn)
    if kernel is None:
        return KernelState(None, kernel_version(), (), (), {})
    own = {file.path: file.checksum for file in kernel_files()}
    paths = sorted(own.keys() | kernel.checksums.keys())
    outdated = tuple(path for path in paths if own.get(path) != kernel.checksums.get(path))
    status = kernel_status(conn)
    drift = tuple(status.get("drift") or ())
    return KernelState(kernel.version, kernel_version(), outdated, drift, status)
