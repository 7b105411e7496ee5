"""Apply a compiled schema to a database: one transaction, under the provisioning lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import psycopg

from ablo_pg.db.catalog import installed_kernel, lock_provisioning
from ablo_pg.db.errors import KERNEL_REMEDY
from ablo_pg.db.event_triggers import failing, passing_over
from ablo_pg.errors import AbloServerError
from ablo_pg.kernel.files import MIGRATIONS, kernel_files, kernel_version
from ablo_pg.schema import SchemaSpec


class Compiled(Protocol):
    """What to apply: statements in order, each of which changes nothing if it ran before."""

    @property
    def statements(self) -> Sequence[str]:
        """The statements, as separate strings."""
        ...


@dataclass(frozen=True, slots=True)
class Applied:
    """The outcome: how many statements ran, and whether they were committed.

    passed_over: functions of the user's event triggers that failed under them, see `apply`.
    """

    statements: int
    kept: bool
    passed_over: tuple[str, ...] = ()


def apply(
    conn: psycopg.Connection, compiled: Compiled, *, schema: str = "public", dry_run: bool = False
) -> Applied:
    """Apply a compiled schema atomically, one migration at a time per `schema`.

    Where an event trigger of the user's fails, a superuser does it again without that one.

    Args: conn, an administrative connection outside a transaction. dry_run runs everything and
    rolls it back.
    Raises: migration_failed with `details` index (from 0), statement, sqlstate, message;
    kernel_not_installed; kernel_newer_than_client.
    """
    require_kernel(conn)
    passed_over: list[str] = []
    while True:
        index, statement = -1, "(waiting for another migration)"
        try:
            with conn.transaction(force_rollback=dry_run), passing_over(conn, passed_over):
                lock_provisioning(conn, schema)
                for index, statement in enumerate(compiled.statements):  # noqa: B007 - on failure
                    # Compiled from a checked schema: every name in it has been quoted there.
                    conn.execute(statement)
                statement = "(commit)"
        except psycopg.Error as exc:
            function = failing(conn, exc)
            if function is None or function in passed_over:
                raise _failed(exc, index, statement) from exc
            passed_over.append(function)
        else:
            kept = not dry_run
            return Applied(len(compiled.statements), kept, tuple(passed_over))


def require_kernel(conn: psycopg.Connection, spec: SchemaSpec | None = None) -> None:
    """Refuse a database without a kernel of exactly this version.

    spec: the schema to apply. If it limits who sees or changes rows, the kernel must have every
    file of this package: an earlier release of the same version would not enforce it. One that has
    later migrations too was installed by a later release, which does.
    """
    kernel = installed_kernel(conn)
    if kernel is None:
        raise AbloServerError(
            "this database has no ablo kernel", code="kernel_not_installed", remedy=KERNEL_REMEDY
        )
    if kernel.version < kernel_version():
        raise AbloServerError(
            f"the database has kernel {kernel.version}, this package needs {kernel_version()}",
            code="kernel_not_installed",
            remedy="upgrade it with `ablo-pg connect --admin-url URL`",
            details={"installed": kernel.version, "own": kernel_version()},
        )
    if kernel.version > kernel_version():
        raise AbloServerError(
            f"the database has kernel {kernel.version}, this is kernel {kernel_version()}",
            code="kernel_newer_than_client",
            remedy="upgrade ablo_pg to the release that installed it, or a later one",
            details={"installed": kernel.version, "own": kernel_version()},
        )
    if spec is not None and _limits_sight(spec):
        own = {file.path: file.checksum for file in kernel_files()}
        missing = sorted(path for path, sum_ in own.items() if kernel.checksums.get(path) != sum_)
        later = any(path.startswith(f"{MIGRATIONS}/") for path in kernel.checksums.keys() - own)
        steps = any(path.startswith(f"{MIGRATIONS}/") for path in missing)
        if missing and (steps or not later):
            raise AbloServerError(
                "the schema limits who sees or changes rows, and the database has the kernel of "
                f"another release, which may not enforce that ({len(missing)} files differ)",
                code="kernel_not_installed",
                remedy="upgrade it with `ablo-pg connect --admin-url URL`, then run this again",
                details={"installed": kernel.version, "own": kernel_version(), "files": missing},
            )


def _limits_sight(spec: SchemaSpec) -> bool:
    """Whether a schema declares what only a kernel that knows it enforces."""
    models = any(one.permissions or one.grants or one.entity_roles for one in spec.models)
    return models or bool(spec.identity_roles or spec.session_settings)


def _failed(exc: psycopg.Error, index: int, statement: str) -> AbloServerError:
    message = exc.diag.message_primary or str(exc)
    return AbloServerError(
        f"statement {index} failed with SQLSTATE {exc.sqlstate}: {message}",
        code="migration_failed",
        remedy=exc.diag.message_hint or "nothing was changed; correct the cause and run it again",
        details={
            "index": index,
            "statement": statement,
            "sqlstate": exc.sqlstate,
            "message": message,
            "detail": exc.diag.message_detail,
        },
    )
