"""The output of `dev`: one screen at the start, then a line per event; with JSON, events only."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from ablo_pg.cli.output import say, show_error, show_json, styled
from ablo_pg.errors import AbloError

# The same warning is shown once in this time: every retry meets an unreachable database.
AGAIN_SECONDS: Final = 30.0
# For late warnings after a server was away: dead connections are found and replaced.
AFTERMATH_SECONDS: Final = 5.0


class Screen:
    """Reports to people on stderr, or to programs on stdout."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._told: dict[str, float] = {}
        self._quiet_until = 0.0
        self._in_trouble: Callable[[], bool] = bool  # which is not true

    def take_warnings(self) -> None:
        """Show warnings of the relay as events: once each, on one line."""
        logger = logging.getLogger("ablo_pg")
        logger.addHandler(_ToScreen(self))
        logger.propagate = False
        logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # the relay's own message is
        # Suppress warnings while true: a better message is shown, and a repair is under way.

    def expect_trouble(self, while_true: Callable[[], bool]) -> None:
        """Tell no warnings while this is true: what they would say is said better, and mended."""
        self._in_trouble = while_true

    def warning(self, text: str) -> None:
        """Show a warning, unless it was shown a moment ago."""
        line, now = text.partition("\n")[0][:300], time.monotonic()
        if self._in_trouble():
            self._quiet_until = now + AFTERMATH_SECONDS
        if now < self._quiet_until or now < self._told.get(line, 0.0):
            return
        self._told = {key: until for key, until in self._told.items() if until > now}
        self._told[line] = now + AGAIN_SECONDS
        self.event("warning", line, message=line)

    def step(self, text: str) -> None:
        """Report progress before the screen is shown."""
        if not self._as_json:
            say(f"... {text}")

    def overview(self, rows: Mapping[str, str], ready: Mapping[str, object]) -> None:
        """Show each component's address; `ready` is the same for a program."""
        if self._as_json:
            show_json({"event": "ready", **ready})
            return
        say()
        for name, text in rows.items():
            say(f"  {styled(f'{name:<10}', bold=True)} {text}")
        say()

    def event(self, name: str, text: str, **fields: Any) -> None:
        """Report an event."""
        if self._as_json:
            show_json({"event": name, **fields})
            return
        head, *rest = text.splitlines()
        say(f"{dt.datetime.now():%H:%M:%S}  {head}")
        for line in rest:
            say(f"          {line}")

    def problem(self, error: AbloError) -> None:
        """Report an error and its remedy; `dev` keeps running."""
        if self._as_json:
            fields = {"code": error.code, "message": error.message, "remedy": error.remedy}
            show_json({"event": "error", **fields})
            return
        say(f"{dt.datetime.now():%H:%M:%S}")
        show_error(error, as_json=False)


class _ToScreen(logging.Handler):
    """Passes warnings to the screen."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        """Show one."""
        self._screen.warning(record.getMessage())
