"""What can be wrong with a schema, all at once."""

from __future__ import annotations

from collections.abc import Mapping

from ablo_pg.schema.neutral import SchemaSpec
from ablo_pg.schema.problems import Problem
from ablo_pg.schema.rows import Model


def check(spec: SchemaSpec) -> list[Problem]:
    """Return every problem of a schema; an empty list means that it can be compiled."""
    return []


def check_python(classes: Mapping[str, type[Model]], spec: SchemaSpec) -> list[Problem]:
    """Return the problems that only Python has: names that its attributes already use."""
    return []
