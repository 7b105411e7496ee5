"""The page on error codes: `python -m ablo_pg.error_guide > docs/errors.md`.

`errors.toml` has each code's cause, remedy and an example. The error that is raised says which row,
field or login it was; the page says it of all of them.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final, NamedTuple

from ablo_pg.errors import CLASSES, CODES

SOURCE: Final = Path(__file__).with_name("errors.toml")
_HEAD: Final = """\
# Errors

Every error has a stable `code`, a class, an HTTP status and a SQLSTATE; it says what happened, \
which row or field it was, and what to do (`remedy`).
The classes derive from `AbloError` in `ablo_pg.errors`. Where a retry can help, the same call may \
succeed later as it is; a commit is sent again under the same key.

This page is made from the code: `python -m ablo_pg.error_guide > docs/errors.md`.

| code | class | status | SQLSTATE | retry |
|---|---|---|---|---|
"""


class Guide(NamedTuple):
    """One code: how it comes about, what to do about it, and a case in point."""

    cause: str
    remedy: str
    example: str


def guides() -> dict[str, Guide]:
    """Read what there is to know of each code."""
    return {
        code: Guide(entry["cause"], entry["remedy"], entry["example"])
        for code, entry in tomllib.loads(SOURCE.read_text(encoding="utf-8")).items()
    }


def render() -> str:
    """Return docs/errors.md."""
    known = guides()
    rows = [
        f"| [`{each.code}`](#{each.code}) | `{CLASSES[each.code].__name__}` | {each.http_status} "
        f"| `{each.sqlstate}` | {'yes' if each.retryable else 'no'} |\n"
        for each in CODES.values()
    ]
    parts = [
        f"\n## {code}\n\n{known[code].cause}\n\n"
        f"- remedy: {known[code].remedy}\n- example: {known[code].example}\n"
        for code in CODES
        if code in known
    ]
    return _HEAD + "".join(rows) + "".join(parts)


if __name__ == "__main__":
    print(render(), end="")
