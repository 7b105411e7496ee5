"""Watch the files that a schema is made of, and report when a save has settled (watchfiles)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from watchfiles import Change, watch

# An editor writes a file in several steps; a save has settled when nothing changed for this long.
SETTLE_MS: Final = 300
LOOK_MS: Final = 200


def saves(target: str) -> Iterator[bool]:
    """Return an endless iterator; each step waits LOOK_MS, and says whether a save has settled.

    Watching has begun when this returns. A folder that is missing, or that `git switch` removes
    and makes again, is watched from the moment it exists.
    """
    found = _steps(target)
    next(found)
    return found


def _steps(target: str) -> Iterator[bool]:
    polling = None  # watchfiles decides: WATCHFILES_FORCE_POLLING, or WSL
    missed = False  # whether something may have been saved while nothing was watched
    while True:
        path = path_of(target).absolute()
        folders = {path.parent, path.resolve().parent}  # the file may be a link
        began = _identities(folders)
        if began is None:
            missed = True
            time.sleep(LOOK_MS / 1000)
            yield False
            continue
        watching = watch(
            *folders,
            watch_filter=_filter(path),
            step=SETTLE_MS,
            rust_timeout=LOOK_MS,
            yield_on_timeout=True,
            force_polling=polling,
            recursive=False,
        )
        try:
            for changes in watching:
                yield missed or bool(changes)
                missed = False
                if _identities(folders) != began:
                    break
        except (OSError, RuntimeError):  # no inotify instance is left, or the folder has just gone
            if polling:
                raise
            polling = True
        missed = True


def _filter(path: Path) -> Callable[[Change, str], bool]:
    """Return which files count: a schema in Python imports its neighbours, one in JSON does not."""
    if path.suffix == ".py":
        return lambda change, name: name.endswith(".py")
    return lambda change, name: Path(name) in (path, path.resolve())


def _identities(folders: set[Path]) -> list[tuple[int, int]] | None:
    try:
        found = [os.stat(folder) for folder in sorted(folders)]
    except OSError:
        return None
    return [(each.st_dev, each.st_ino) for each in found]


def path_of(target: str) -> Path:
    """Return the file behind a target."""
    place = target if target.endswith(".json") else target.partition(":")[0]
    if place.endswith((".json", ".py")) or "/" in place:
        return Path(place)
    path = Path(*place.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
