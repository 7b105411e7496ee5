"""The .env file of a project: commands read it, `init` and `dev` write it.

python-dotenv reads it, so that it means here what it means to the project's own program. Writing is
ours: `dotenv.set_key` fails on the encodings that `_text` reads. Only our names are read, and the
environment takes precedence. Writing keeps other lines, comments and the order.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ablo_pg.errors import AbloError, error_for

ENV_FILE: Final = Path(".env")
_OURS: Final = re.compile(r"ABLO_[A-Z_]+|DATABASE_URL")


def read_env_file(path: Path = ENV_FILE) -> None:
    """Put our variables from a .env file into the environment, unless they are set there."""
    for name, value in parse_env(path).items():
        if _OURS.fullmatch(name) and value:
            os.environ.setdefault(name, value)


def parse_env(path: Path) -> dict[str, str]:
    """Return the names and values of a .env file; {} if it is missing or unreadable."""
    try:
        text = _text(path)
    except OSError:
        return {}
    if not text:
        return {}
    from dotenv import dotenv_values  # imported only if there is a file: `--help` needs none

    found = dotenv_values(stream=io.StringIO(text))
    return {name: value for name, value in found.items() if value is not None}


def write_env(values: Mapping[str, str], path: Path = ENV_FILE) -> list[str]:
    """Set names in a .env file, and return those that have changed. It is readable by its owner.

    A line that sets a name is replaced in place; a new name is appended. Raises: invalid_options
    for a value of several lines, or a file that cannot be written.
    """
    for name, value in values.items():
        if not value.isprintable():
            raise error_for(
                "invalid_options",
                f"{name} would not fit on one line of {path}",
                field=name,
                remedy="leave out line breaks and control characters",
            )
    known = parse_env(path)
    changed = [name for name, value in values.items() if known.get(name) != value]
    if not changed:
        return []
    try:
        text = _text(path)
    except OSError as exc:
        raise _unwritable(path, exc) from None
    from dotenv.parser import parse_stream

    parts, seen = [], set()
    for each in parse_stream(io.StringIO(text)):
        if each.key in changed:
            seen.add(each.key)
            above = re.match(r"\s*", each.original.string)  # blank lines belong to the next name
            parts.append(f"{above[0] if above else ''}{each.key}={values[each.key]}\n")
        else:
            parts.append(each.original.string)
    if parts and not parts[-1].endswith("\n"):
        parts.append("\n")
    parts += [f"{name}={values[name]}\n" for name in changed if name not in seen]
    try:
        _replace(path.resolve(), "".join(parts))
    except OSError as exc:
        raise _unwritable(path, exc) from None
    return changed


def _text(path: Path) -> str:
    """Return a file's text: UTF-8, with or without the byte order mark that some editors write.

    UTF-16 is what `>` of an older PowerShell writes. Bytes of another encoding are kept.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return ""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", "replace")
    return raw.decode("utf-8-sig", "surrogateescape")


def _unwritable(path: Path, exc: OSError) -> AbloError:
    return error_for(
        "invalid_options",
        f"{path} cannot be written: {exc.strerror}",
        field="env",
        remedy="run it in a folder that you may write to",
    )


def _replace(path: Path, text: str) -> None:
    """Write a file atomically; a new one is readable only by its owner: it holds passwords."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    draft.replace(path)
