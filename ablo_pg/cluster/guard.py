"""The guard of a temporary cluster: stops the server when the process that made it dies.

atexit does not run after SIGKILL or SIGTERM. The guard is a small shell process that reads from a
pipe whose other end only we hold: a line means that we are done, end of file that we died.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

# $1 is the server's pid, $2 its data folder, the rest are folders to delete. SIGINT asks for a fast
# shutdown; after ten seconds SIGQUIT ends the server at once. A server's working folder is its data
# folder: if /proc shows it, a reused pid is left alone and a zombie is not waited for.
_SCRIPT: Final = """
read -r word
[ "$word" = released ] && exit 0
pid=$1; data=$2; shift 2
runs() {
  kill -0 "$pid" 2>/dev/null || return 1
  [ -e /proc/self ] || return 0
  [ "$(readlink "/proc/$pid/cwd")" = "$data" ]
}
tries=0
runs && kill -INT "$pid"
while runs && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
runs && kill -QUIT "$pid"
while runs && [ "$tries" -lt 150 ]; do sleep 0.1; tries=$((tries + 1)); done
rm -rf -- "$@"
"""


class Guard:
    """A watching process. Make it with `Guard.watch`, end it with `release`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    def watch(cls, pid: int, data: Path, folders: Sequence[Path]) -> Guard:
        """Start a guard over server `pid`, in a separate session: Ctrl-C does not reach it."""
        words = [str(pid), str(data.resolve()), *map(str, folders)]
        command = ["/bin/sh", "-c", _SCRIPT, "ablo-pg-guard", *words]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        return cls(process)

    def release(self) -> None:
        """Notify the guard that the server has stopped, and wait for its end. Safe to repeat."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            try:
                self._process.stdin.write(b"released\n")
                self._process.stdin.close()
            except BrokenPipeError:
                pass
        self._process.wait()
