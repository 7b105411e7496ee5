"""Output of commands: results on stdout, messages for people on stderr, errors in one format."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import sys
from collections.abc import Iterable
from typing import Any, Final

import click
import orjson

from ablo_pg.errors import AbloError, error_for

# Characters that move a terminal's cursor, set its title, or reverse text (Unicode, UAX 9).
_CONTROLS: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# Marks our own colours. The mark is random, so outside text cannot contain it.
_OWN: Final = f"\x1b{os.urandom(8).hex()}["


def show(text: str, *, err: bool = False) -> None:
    """Write lines for people. Text from outside is escaped, so a terminal only shows it."""
    shown = "\x1b[".join(plain(part, lines=True) for part in text.split(_OWN))
    click.echo(shown, err=err)


def say(text: str = "") -> None:
    """Write a message for people to stderr: stdout holds only the result."""
    show(text, err=True)


def styled(text: str, **how: Any) -> str:
    """Return a text in a colour, for `show` and `say`."""
    return click.style(plain(text, lines=True), **how).replace("\x1b[", _OWN)


def working(text: str) -> None:
    """Report on a terminal what currently takes time; write nothing to a pipe."""
    if sys.stderr.isatty():
        say(f"... {text}")


def show_json(value: object) -> None:
    """Write one JSON object to stdout."""
    click.echo(orjson.dumps(value, default=_plain).decode())


def plain(text: str, *, lines: bool = False) -> str:
    r"""Return text with control characters escaped, so that a terminal shows them.

    lines: keep line ends and tabs; otherwise escape them, so that an id stays on its line.

    >>> plain("a\x1b[2Jb\n")
    'a\\x1b[2Jb\\n'
    """
    return _CONTROLS.sub(lambda it: it[0] if lines and it[0] in "\n\t" else repr(it[0])[1:-1], text)


def show_error(error: AbloError, *, as_json: bool) -> None:
    """Write an error to stderr: the message, the remedy, then details."""
    if as_json:
        fields = {
            "code": error.code,
            "message": error.message,
            "model": error.model,
            "field": error.field,
            "remedy": error.remedy,
            "details": error.details,
        }
        say(orjson.dumps({"error": fields}, default=_plain).decode())
        return
    say(styled("error: ", fg="red", bold=True) + f"{error.message} [{error.code}]")
    if error.remedy:
        say(f"  fix: {error.remedy}")
    for line in _detail_lines(error):
        say(line)


def show_usage(error: click.ClickException, *, as_json: bool) -> None:
    """Write a usage error to stderr, in click's format; with JSON, in that of every error."""
    if not as_json:
        told = io.StringIO()
        error.show(told)
        say(told.getvalue().rstrip())
        return
    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
    remedy = f"`{command or 'ablo-pg'} --help` shows the usage"
    show_error(error_for("invalid_options", error.format_message(), remedy=remedy), as_json=True)


def _detail_lines(error: AbloError) -> Iterable[str]:
    details = error.details
    if isinstance(statement := details.get("statement"), str):
        yield "  statement:"
        yield from (f"    {line}" for line in statement.splitlines()[:20])
    if isinstance(sql := details.get("sql"), str):
        yield from ("", "-- run this as a superuser, in the same database:", sql)
    if "DATABASE_URL" in details:
        yield "-- from then on these work; they are shown only once:"
        yield from (f"{name}={url}" for name, url in details.items() if name.endswith("_URL"))
    if isinstance(log := details.get("log"), list):
        yield from (f"  | {line}" for line in log)


def _plain(value: object) -> object:
    """Serialize what orjson cannot, as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)
