"""The demo's output: each completed step, and the changes as they arrive."""

from __future__ import annotations

import time
from typing import Final

from ablo_pg.cli.demo.messages import Saw
from ablo_pg.cli.output import show, styled

# Seconds between two lines of changes. Faster changes are counted, not shown, so that a person can
# read them and a terminal keeps up.
INTERVAL: Final = 0.15
COLOURS: Final = {"create": "green", "update": "yellow", "delete": "red"}


class Screen:
    """The demo's output. `quiet` sends it to stderr, because stdout is reserved for JSON."""

    def __init__(self, *, quiet: bool) -> None:
        self._err = quiet
        self._step = 0
        self._started = time.monotonic()
        self._last = 0.0
        self._skipped = 0

    def step(self, text: str, detail: str = "") -> None:
        """Show a completed step, with the seconds since the start."""
        self._step += 1
        elapsed = time.monotonic() - self._started
        line = styled(f"{self._step:2}  {text}", bold=True)
        padding = " " * max(1, 62 - len(text))
        self.line(f"{line}{padding}{elapsed:5.1f} s")
        if detail:
            self.line(f"    {detail}")

    def line(self, text: str = "") -> None:
        """Show a line."""
        show(text, err=self._err)

    def heading(self) -> None:
        """Show the heading of the changes."""
        head = f"    {'sync id':>7}  {'op':<7} {'row':<14} {'by':<13} {'status':<7} title"
        self.line(styled(head, dim=True))

    def change(self, saw: Saw) -> None:
        """Show a change that arrived, or only count it if the last line was just printed."""
        current = time.monotonic()
        interval = INTERVAL / 3 if saw.op == "delete" else INTERVAL  # deletes are rare
        if current - self._last < interval:
            self._skipped += 1
            return
        row = saw.row or {}
        op = styled(f"{saw.op:<7}", fg=COLOURS.get(saw.op))
        more = styled(f"  (+{self._skipped} more)", dim=True) if self._skipped else ""
        text = f"{row.get('title', '')} ({row.get('edits', '-')})" if row else ""
        status = row.get("status", "")
        self.line(
            f"    {saw.sync_id:>7}  {op} {saw.id:<14} {saw.actor:<13} {status:<7} {text}{more}"
        )
        self._last, self._skipped = current, 0

    def verdict(self, problems: list[str]) -> None:
        """Show the outcome."""
        if not problems:
            self.line(styled("\nEvery write arrived once and in order.", fg="green", bold=True))
            return
        self.line(styled("\nSomething is wrong:", fg="red", bold=True))
        for problem in problems[:20]:
            self.line(f"  - {problem}")
