"""`ablo-pg relay` as a process with a port of its own: killed, stopped, started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio

from ablo_pg.testing import DatabaseHandle

PROGRAM = ("-m", "ablo_pg")


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class RelayProcess:
    """One relay after the other, at one address."""

    def __init__(
        self, db: DatabaseHandle, log: Path, *arguments: str, program: Sequence[str] = PROGRAM
    ) -> None:
        self.port = free_port()
        self.log = log
        self._arguments = arguments
        self._program = program
        self._environment = os.environ | {
            "DATABASE_URL": db.database_url,
            "ABLO_REPLICATION_URL": db.replication_url,
        }
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it; return when it takes requests."""
        await anyio.to_thread.run_sync(self._start)

    def _start(self) -> None:
        command = [sys.executable, *self._program, "relay", "--port", str(self.port)]
        command += ["--log-level", "warning", *self._arguments]
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                command, env=self._environment, stdout=subprocess.PIPE, stderr=log
            )
        assert self._running.stdout is not None
        line = self._running.stdout.readline()
        assert line, f"the relay ended at its start: {self.log.read_text()[-2000:]}"
        assert json.loads(line)["url"].endswith(f":{self.port}")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._running is not None
        self._running.send_signal(number)

    def kill(self) -> None:
        """End it as kill -9 does."""
        if self._running is None:
            return
        self._running.kill()
        self._running.wait()
        if self._running.stdout is not None:
            self._running.stdout.close()
        self._running = None

    def memory(self) -> int:
        """Return its resident memory in bytes."""
        assert self._running is not None
        pages = Path(f"/proc/{self._running.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
