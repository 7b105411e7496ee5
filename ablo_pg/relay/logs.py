"""Log lines as JSON, one object per line, for programs that collect them.

This module lists by name the fields that a record may carry besides its message. Rows, keys and
texts of requests are not among them, and are never logged.
"""

from __future__ import annotations

import datetime as dt
import logging
import sys
from collections.abc import Callable
from typing import Final, Literal

from ablo_pg.json_text import dumps

FIELDS: Final = ("request_id", "method", "route", "status", "ms", "code", "key_id")
LogFormat = Literal["json", "text"]


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time, level, logger, message, and its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(_fields(record))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return dumps(line).decode()


class TextFormatter(logging.Formatter):
    """A line for people: the message, then name=value.

    clean: escapes the control characters in a text.
    """

    def __init__(self, shape: str, clean: Callable[[str], str]) -> None:
        super().__init__(shape)
        self._clean = clean

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        return self._clean(f"{super().format(record)} {fields}".rstrip())


def configure_logs(
    shape: LogFormat, level: str, clean: Callable[[str], str] = lambda text: text
) -> None:
    """Send the process's log to stderr in this format. clean: see TextFormatter."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter()
        if shape == "json"
        else TextFormatter("%(asctime)s %(levelname)-7s %(message)s", clean)
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Its lines contain addresses and paths; ours have the same information without them.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("psycopg").setLevel(logging.ERROR)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
