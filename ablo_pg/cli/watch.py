"""Watch the files of a schema, and report when a save has settled.

Polls names, sizes and times a few times a second: that works on every file system, over network
mounts and in containers, and costs a few `stat` calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

LOOK_SECONDS: Final = 0.1
# An editor writes a file in several steps; a save has settled when nothing changed for this long.
SETTLE_SECONDS: Final = 0.3
_MAX_FILES: Final = 2_000

Stamps: TypeAlias = dict[Path, tuple[int, int]]


class Watch:
    """Detects whether files have changed and settled. Call `settled` repeatedly.

    clock: seconds, rising.
    """

    def __init__(self, target: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._target = target
        self._clock = clock
        self._known = stamps(target)
        self._moved: float | None = None

    def settled(self) -> bool:
        """Whether a change was seen, and nothing has changed since for SETTLE_SECONDS."""
        now, found = self._clock(), stamps(self._target)
        if found != self._known:
            self._known, self._moved = found, now
        if self._moved is None or now - self._moved < SETTLE_SECONDS:
            return False
        self._moved = None
        return True


def changes(target: str) -> Iterator[None]:
    """Yield after each later save of the target's files, indefinitely."""
    return _settlings(Watch(target))


def _settlings(watch: Watch) -> Iterator[None]:
    while True:
        time.sleep(LOOK_SECONDS)  # polls, see the module's docstring
        if watch.settled():
            yield


def stamps(target: str) -> Stamps:
    """Return size and time of each file of a target; for a package, of all its modules."""
    found: Stamps = {}
    for path in files_of(target):
        try:
            info = path.stat()
        except OSError:
            continue  # between delete and rename of a save
        found[path] = (info.st_mtime_ns, info.st_size)
    return found


def files_of(target: str) -> list[Path]:
    """Return the files behind a target: with its Python neighbours."""
    place = target.partition(":")[0] if not target.endswith(".json") else target
    if place.endswith(".json"):
        return [Path(place)]
    path = Path(place) if place.endswith(".py") or "/" in place else _module(place)
    return sorted({path, *path.parent.glob("*.py")})[:_MAX_FILES]


def _module(name: str) -> Path:
    path = Path(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
