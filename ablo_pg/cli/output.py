"""How commands speak: results on stdout, words for a person on stderr, errors in one shape."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable
from typing import Any

import click
import orjson

from ablo_pg.errors import AbloError, error_for


def say(text: str = "") -> None:
    """Tell a person something, on stderr: stdout holds the result alone."""
    click.echo(text, err=True)


def working(text: str) -> None:
    """Say what takes a while now, to whoever watches; a pipe gets nothing."""
    if sys.stderr.isatty():
        say(f"... {text}")


def show_json(value: Any) -> None:
    """Write one JSON object to stdout."""
    click.echo(orjson.dumps(value, default=_plain).decode())


def plain(text: str) -> str:
    """Show an id on one line: it may hold line breaks, and codes that move a terminal's cursor."""
    return "".join(char if char.isprintable() else "?" for char in text)


def show_error(error: AbloError, *, as_json: bool) -> None:
    """Write an error to stderr: what happened, what to do, then what belongs to it."""
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
    say(click.style("error: ", fg="red", bold=True) + f"{error.message} [{error.code}]")
    if error.remedy:
        say(f"  fix: {error.remedy}")
    for line in _detail_lines(error):
        say(line)


def show_usage(error: click.ClickException, *, as_json: bool) -> None:
    """Write wrong usage to stderr, as click does; for a program in the shape of every error."""
    if not as_json:
        error.show()
        return
    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
    remedy = f"`{command or 'ablo-pg'} --help` shows what it takes"
    show_error(error_for("invalid_options", error.format_message(), remedy=remedy), as_json=True)


def _detail_lines(error: AbloError) -> Iterable[str]:
    details = error.details
    if isinstance(statement := details.get("statement"), str):
        yield "  statement:"
        yield from (f"    {line}" for line in statement.splitlines()[:20])
    if isinstance(sql := details.get("sql"), str):
        yield from ("", "-- run this as a superuser, in the same database:", sql)
    if "DATABASE_URL" in details:
        yield "-- from then on these work; they are shown only now:"
        yield from (f"{name}={url}" for name, url in details.items() if name.endswith("_URL"))
    if isinstance(log := details.get("log"), list):
        yield from (f"  | {line}" for line in log)


def _plain(value: Any) -> Any:
    """Spell what orjson cannot: in doubt as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)
