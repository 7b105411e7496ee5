"""The memory of a process and of all that it started, as Linux tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

KINDS: Final = {"Rss:": "rss", "Pss:": "pss"}


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for one in threads for child in (one / "children").read_text().split()]
    return [pid, *(each for child in children for each in family(child))]


def memory(pid: int) -> dict[str, float]:
    """Return MB of a family: `rss`, and `pss`, which counts a page shared by n as 1/n in each."""
    total = dict.fromkeys(KINDS.values(), 0.0)
    for one in family(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(" ")
            if name in KINDS:
                total[KINDS[name]] += int(rest.split()[0]) / 1e3
    return total
