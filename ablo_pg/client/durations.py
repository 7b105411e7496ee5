"""Durations as callers write them: "500ms", "30s", "5m", "24h", seconds, or a timedelta. Pure."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Final, TypeAlias

from ablo_pg.errors import error_for

Duration: TypeAlias = str | float | dt.timedelta

_TEXT: Final = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h)", re.ASCII)
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LIMIT: Final = 1e9  # seconds; the database limits leases, this only rejects absurd numbers


def encode_duration(value: Duration, field: str) -> str:
    """Return a duration in milliseconds as the kernel reads it. Raises duration_invalid."""
    return f"{max(1, round(seconds_of(value, field) * 1000))}ms"


def seconds_of(value: Duration, field: str) -> float:
    """Return a duration in seconds, above zero. Raises duration_invalid.

    >>> seconds_of("1.5m", "ttl")
    90.0
    """
    seconds = math.nan
    if isinstance(value, dt.timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, str):
        found = _TEXT.fullmatch(value)
        if found:
            seconds = float(found[1]) * _UNITS[found[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    if not 0 < seconds <= _LIMIT:
        raise error_for(
            "duration_invalid",
            f"{field} cannot be {str(value)[:40]!r}",
            field=field,
            remedy='pass "500ms", "30s", "5m", "24h", a number of seconds, or a timedelta',
        )
    return seconds
