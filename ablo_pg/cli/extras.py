"""Imports from an extra of the package, and the error of a command whose extra is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from ablo_pg.errors import error_for


@contextmanager
def from_extra(extra: Literal["relay", "embedded", "mcp"]) -> Iterator[None]:
    """Wrap imports of an extra's libraries; raises extra_not_installed if one is missing."""
    try:
        yield
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] == "ablo_pg":
            raise
        raise error_for(
            "extra_not_installed",
            f"{exc.name} is not installed; it comes with the extra {extra}",
            remedy=f"pip install 'ablo-pg[{extra}]'",
        ) from exc
