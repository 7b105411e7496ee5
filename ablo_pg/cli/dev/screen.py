"""What `dev` says: one screen at the start, then a line for each event; as JSON, events alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import click

from ablo_pg.cli.output import say, show_error, show_json
from ablo_pg.errors import AbloError


class Screen:
    """Tells a person on stderr, or a program on stdout."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def step(self, text: str) -> None:
        """Say what is going on before the screen is there."""
        if not self._as_json:
            say(f"... {text}")

    def overview(self, rows: Mapping[str, str], ready: Mapping[str, Any]) -> None:
        """Show what runs where; `ready` is the same for a program."""
        if self._as_json:
            show_json({"event": "ready", **ready})
            return
        say()
        for name, text in rows.items():
            say(f"  {click.style(f'{name:<10}', bold=True)} {text}")
        say()

    def event(self, name: str, text: str, **fields: Any) -> None:
        """Say that something has happened."""
        if self._as_json:
            show_json({"event": name, **fields})
            return
        head, *rest = text.splitlines()
        say(f"{dt.datetime.now():%H:%M:%S}  {head}")
        for line in rest:
            say(f"          {line}")

    def problem(self, error: AbloError) -> None:
        """Say what went wrong, and what to do; the work goes on."""
        if self._as_json:
            fields = {"code": error.code, "message": error.message, "remedy": error.remedy}
            show_json({"event": "error", **fields})
            return
        say(f"{dt.datetime.now():%H:%M:%S}")
        show_error(error, as_json=False)
