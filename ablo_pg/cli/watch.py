"""Watch the files of a schema, and report when a save has settled (watchfiles)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
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
    path = path_of(target).absolute()
    file = path.resolve()  # it may be a link
    folders = {path.parent, file.parent}
    polling = None  # watchfiles decides: WATCHFILES_FORCE_POLLING, or WSL
    missed = False  # whether something may have been saved while nothing was watched

    def counts(change: Change, name: str) -> bool:  # a module imports its neighbours
        return name.endswith(".py") if path.suffix == ".py" else Path(name) in (path, file)

    while True:
        began = _identities(folders)
        if began is None:
            time.sleep(LOOK_MS / 1000)  # no folder to watch: wait until one exists
            yield False
        else:
            watching = watch(
                *folders,
                watch_filter=counts,
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
            except (OSError, RuntimeError):
                if polling:
                    raise
                # No inotify instance is left, unless the folder has just gone.
                polling = _identities(folders) is not None or None
        missed = True


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
