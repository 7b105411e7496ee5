"""The differences of a database from what its kernel and this package installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from ablo_pg.db.catalog import installed_kernel, kernel_status
from ablo_pg.kernel.altered import altered
from ablo_pg.kernel.files import kernel_files, kernel_version
from ablo_pg.kernel.rights import Lack, kernel_rights, lacks, model_rights
from ablo_pg.kernel.schema_push import read_active


@dataclass(frozen=True, slots=True)
class KernelState:
    """The state of the installed kernel.

    installed: None without a kernel. outdated: files that differ from ours (an upgrade or a
    downgrade is due). drift: the database's own report (triggers disabled, and so on). lacks:
    revoked rights of the group roles. unknown: what may have been altered; not counted as drift.
    """

    installed: int | None
    own: int
    outdated: tuple[str, ...]
    drift: tuple[Any, ...]
    status: dict[str, Any]
    lacks: tuple[Lack, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether a kernel of ours is installed, unchanged, without drift or missing rights."""
        same = self.installed == self.own and not self.outdated
        return same and not self.drift and not self.lacks


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
    if kernel.version != kernel_version():
        return KernelState(kernel.version, kernel_version(), outdated, drift, status)
    spec = read_active(conn).spec
    missing = lacks(conn, (*kernel_rights(kernel_files()), *model_rights(spec)))
    found = list(altered(conn, spec))
    drift = (*drift, *(one.text for one in found if one.known))
    unknown = tuple(one.text for one in found if not one.known)
    return KernelState(kernel.version, kernel_version(), outdated, drift, status, missing, unknown)
