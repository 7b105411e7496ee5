"""What `dev` says: one screen at the start, then a line for each event; as JSON, events alone."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from ablo_pg.cli.output import say, show_error, show_json, styled
from ablo_pg.errors import AbloError

# The same warning is told once in this time: a database that is away is met on every try.
AGAIN_SECONDS: Final = 30.0
# What still comes of a server that was away: connections that are found to be dead, and replaced.
AFTERMATH_SECONDS: Final = 5.0


class Screen:
    """Tells a person on stderr, or a program on stdout."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._told: dict[str, float] = {}
        self._quiet_until = 0.0
        self._in_trouble: Callable[[], bool] = bool  # which is false

    def take_warnings(self) -> None:
        """Show warnings of the relay as events: once each, and in one line."""
        logger = logging.getLogger("ablo_pg")
        logger.addHandler(_ToScreen(self))
        logger.propagate = False
        logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # the relay says it better

    def expect_trouble(self, while_true: Callable[[], bool]) -> None:
        """Tell no warnings while this is true: what they would say is said better, and mended."""
        self._in_trouble = while_true

    def warning(self, text: str) -> None:
        """Tell a warning, unless it was told a moment ago."""
        line, now = text.partition("\n")[0][:300], time.monotonic()
        if self._in_trouble():
            self._quiet_until = now + AFTERMATH_SECONDS
        if now < self._quiet_until or now < self._told.get(line, 0.0):
            return
        self._told = {key: until for key, until in self._told.items() if until > now}
        self._told[line] = now + AGAIN_SECONDS
        self.event("warning", line, message=line)

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
            say(f"  {styled(f'{name:<10}', bold=True)} {text}")
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


class _ToScreen(logging.Handler):
    """Hands warnings to the screen."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        """Show one."""
        self._screen.warning(record.getMessage())
