"""The rights that the group roles should have, and which of them were revoked.

The GRANTs themselves define what should be: those of the kernel's file, and those compiled for each
model of the active schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import psycopg

from ablo_pg.compile.grants import grants
from ablo_pg.compile.names import ident
from ablo_pg.compile.plan import plan_schema
from ablo_pg.compile.row import row
from ablo_pg.db.rights import Right, grant_statement, missing_rights
from ablo_pg.kernel.files import KernelFile
from ablo_pg.schema import SchemaSpec

GRANTS_FILE: Final = "90_grants/grants.sql"
_GRANT: Final = re.compile(
    r"^grant (?P<rights>[a-z, ]+) on (?:(?P<kind>table|function|schema)\s+)?(?P<names>.+)"
    r"\s+to (?P<roles>[a-z_, ]+);$",
    re.DOTALL,
)
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Lack:
    """Rights on objects of one kind that a role lacks. sql: the GRANT that restores them."""

    role: str
    kind: str
    rights: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def sql(self) -> str:
        """The GRANT."""
        return grant_statement(self.kind, self.rights, self.names, self.role)

    @property
    def lost(self) -> str:
        """The missing rights, in words; of many objects the first few."""
        named, more = ", ".join(self.names[:_SHOWN]), len(self.names) - _SHOWN
        words = f"{', '.join(self.rights)} on {self.kind} {named}"
        return f"{words} and {more} more" if more > 0 else words

    def __str__(self) -> str:
        return f"{self.role} lacks {self.lost}"


def kernel_rights(files: Iterable[KernelFile]) -> tuple[Right, ...]:
    """Return what the kernel's own file grants."""
    text = next((file.sql for file in files if file.path == GRANTS_FILE), "")
    statements = re.findall(r"^grant [^;]+;", text, re.MULTILINE)
    return tuple(right for statement in statements for right in _read(statement))


def model_rights(spec: SchemaSpec) -> tuple[Right, ...]:
    """Return what is granted on the models' schemas, tables and functions."""
    schema, found = plan_schema(spec), list[Right]()
    for model in schema.stored:
        if model.spec.table_schema != "public":
            found.append(Right("schema", "usage", ident(model.spec.table_schema), "ablo_runtime"))
        for statement in (*grants(schema, model), *row(schema, model)):
            if statement.startswith("grant "):
                found += _read(statement, model.table)
    return tuple(dict.fromkeys(found))


def lacks(conn: psycopg.Connection, wanted: tuple[Right, ...]) -> tuple[Lack, ...]:
    """Return what is missing, grouped so that one GRANT fixes each."""
    rights: dict[tuple[str, str, str], list[str]] = {}
    for each in missing_rights(conn, wanted):
        rights.setdefault((each.role, each.kind, each.name), []).append(each.right)
    names: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for (role, kind, name), lacking in rights.items():
        names.setdefault((role, kind, tuple(lacking)), []).append(name)
    return tuple(Lack(*key, tuple(found)) for key, found in names.items())


def _read(statement: str, table: str | None = None) -> Iterator[Right]:
    """Parse a GRANT. The kernel's names several objects; a model's, with quotes, names one."""
    match = _GRANT.match(statement)
    if match is None:
        raise ValueError(f"not a GRANT as we write them: {statement!r}")
    listed = match["names"]
    kind = match["kind"] or "table"
    names = [listed] if '"' in listed else re.split(r",\s+(?=ablo)", listed.strip())
    for role in match["roles"].split(", "):
        for name in names:
            for right in match["rights"].split(", "):
                yield Right(kind, right, name, role, table if kind == "function" else None)
