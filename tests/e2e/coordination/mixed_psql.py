"""psql as a process that stays: a transaction at a time, with the SQLSTATE of each statement."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Self

from ablo_pg.cluster import find_binaries

DONE = "00000"


class Psql:
    """One psql. What it says comes through \\warn, which is not buffered."""

    def __init__(self, url: str) -> None:
        program = shutil.which("psql", path=str(find_binaries().bin)) or "psql"
        self._process = subprocess.Popen(
            [program, "-Xq", "-v", "VERBOSITY=sqlstate", "-d", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with ExitStack() as stack:
            stack.callback(self._process.wait, 20)
            stack.callback(self._process.stderr.close)
            stack.callback(self._process.stdin.close)

    def transaction(self, level: str, statements: Iterable[str]) -> str:
        """Run statements in one transaction; return 00000 if it landed, or the first failure.

        After a failure all fail but a rollback to a savepoint, so the last one says what COMMIT
        did. The rows of a COPY may follow its semicolon.
        """
        whole = [f"begin isolation level {level};", *statements, "commit;"]
        script = "".join(f"{each}\n\\warn @ :SQLSTATE\n" for each in whole)
        self._process.stdin.write(script)
        self._process.stdin.flush()
        states = [self._state() for _ in whole]
        if states[-2:] == [DONE, DONE]:
            return DONE
        return next(state for state in states if state != DONE)

    def _state(self) -> str:
        for line in self._process.stderr:
            if line.startswith("@ "):
                return line.split()[1]
        raise AssertionError("psql has ended")
