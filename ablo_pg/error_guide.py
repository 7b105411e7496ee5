"""The page on error codes: `python -m ablo_pg.error_guide > docs/errors.md`.

`errors.toml` has each code's cause, remedy and an example. The raised error names the row, field or
login; the page describes the code in general.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final, NamedTuple

from ablo_pg.errors import CLASSES, CODES

SOURCE: Final = Path(__file__).with_name("errors.toml")
_HEAD: Final = """\
# Errors

Every error has a stable `code`, a class, an HTTP status and a SQLSTATE. It says what happened, \
names the row or field, and says what to do (`remedy`). The classes derive from `AbloError` in \
`ablo_pg.errors`. If the retry column says yes, the same call may succeed later; send a commit \
again under the same key.

This page is generated from the code: `python -m ablo_pg.error_guide > docs/errors.md`.

| code | class | status | SQLSTATE | retry |
|---|---|---|---|---|
"""


class Guide(NamedTuple):
    """The cause, remedy and example of one code."""

    cause: str
    remedy: str
    example: str


def guides() -> dict[str, Guide]:
    """Read the guide of each code."""
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
