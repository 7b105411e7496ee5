"""Shift this process's clock: whoever asks for the time of day from here on is told a wrong one."""

from __future__ import annotations

import datetime
import time


def shift(seconds: float) -> None:
    """Move time.time, time.time_ns and datetime.now by so many seconds."""
    true_time, true_time_ns = time.time, time.time_ns
    true_datetime = datetime.datetime

    class Kind(type):
        """Real datetimes, which C code makes, pass for instances."""

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, true_datetime)

    class Wrong(true_datetime, metaclass=Kind):  # type: ignore[misc, valid-type]
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return true_datetime.now(tz) + datetime.timedelta(seconds=seconds)

        @classmethod
        def utcnow(cls) -> datetime.datetime:
            return cls.now(datetime.UTC).replace(tzinfo=None)

    time.time = lambda: true_time() + seconds
    time.time_ns = lambda: true_time_ns() + int(seconds * 1_000_000_000)
    datetime.datetime = Wrong  # type: ignore[misc]
