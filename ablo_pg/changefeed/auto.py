"""`AutoReader`: reads the WAL if available, else LISTEN, and switches back.

Subscribers are served while a slot is being created, which waits for running transactions: LISTEN
works meanwhile. When the slot streams, the LISTEN reader is stopped first and the hub begins the
stream after that. The channels are brought up through the log, so the switch loses and repeats
nothing (see `catchup`). If the stream breaks, the LISTEN reader continues at the channels'
positions and the WAL is tried again: soon after a broken connection, rarely if the server reported
that it is impossible, and at once if LISTEN had to reconnect, because a restarted server may have
gained what it lacked (wal_level changes only that way).
"""

from __future__ import annotations

import time
from typing import Final

import anyio

from ablo_pg.changefeed.barrier import WAITING
from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.listen import ListenReader
from ablo_pg.changefeed.reader import follow, stream_status
from ablo_pg.changefeed.refusal import explain
from ablo_pg.changefeed.status import ReaderStatus, StatusLog
from ablo_pg.changefeed.stream import ReplicationStream, open_stream
from ablo_pg.db.backoff import Backoff
from ablo_pg.db.notifications import Notifications
from ablo_pg.errors import AbloError, AbloServerError, AbloTimeoutError

NO_URL: Final = "no replication_url is given"
# How long a slot may take before LISTEN takes over. It spares a healthy start the switch; a false
# alarm costs a connection and a few index reads.
SLOT_SECONDS: Final = 0.3
# A slot that is not ready after this is given up and requested again: a proxy may have swallowed
# the request. A false alarm costs one more wait for the transactions that run then.
SLOT_DEADLINE: Final = 600.0
BROKEN_FIRST: Final = 0.05
BROKEN_LAST: Final = 5.0
# If an administrator must act first. It bounds how late the WAL is used after that.
REFUSED_FIRST: Final = 15.0
REFUSED_LAST: Final = 300.0
# A stream that lasted this long was healthy: the next failure is retried at once.
GOOD_SECONDS: Final = 5.0


class AutoReader:
    """Chooses between the two readers, and always reports which one runs and why.

    Args: source, see ListenReader. replication_url, of a login with the REPLICATION attribute,
    directly to the server; without it only the LISTEN reader is used.
    """

    def __init__(self, source: str | Notifications, replication_url: str | None = None) -> None:
        self._replication_url = replication_url
        self._log = StatusLog()
        self._listen = ListenReader(source, NO_URL, self._log)
        self._stream: ReplicationStream | None = None
        self._broken = Backoff(BROKEN_FIRST, BROKEN_LAST)
        self._refused = Backoff(REFUSED_FIRST, REFUSED_LAST)

    @property
    def status(self) -> ReaderStatus:
        """See Reader."""
        if self._log.status.kind == "listen":
            return self._listen.status
        return stream_status(self._log, self._stream)

    async def run(self, hub: Hub) -> None:
        """See Reader."""
        if self._replication_url is None:
            await self._listen.run(hub)
            return
        failure: AbloError | None = None
        while True:
            self._stream = await self._open(self._replication_url, hub, failure)
            self._log.set("wal", None)
            began = time.monotonic()
            try:
                await follow(self._stream, hub)
            except AbloError as exc:
                failure = exc
            finally:
                self._stream = None
            if time.monotonic() - began > GOOD_SECONDS:
                self._broken.reset()
                self._refused.reset()

    async def _open(self, url: str, hub: Hub, failure: AbloError | None) -> ReplicationStream:
        """Try until there is a stream. LISTEN works if that takes long, and has ended on return."""
        hopeless = anyio.Event()
        opened: list[ReplicationStream] = []
        self._waits_for(WAITING if failure is None else explain(failure).reason)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._step_in, hub, hopeless)
                while not opened:
                    if failure is not None:
                        await self._pause_after(failure, hopeless)
                    try:
                        with anyio.fail_after(SLOT_DEADLINE):
                            opened.append(await open_stream(url, hub.log, self._waits_for))
                    except AbloError as exc:
                        failure = exc
                    except TimeoutError:
                        failure = AbloTimeoutError(WAITING, remedy="end long transactions")
                    except Exception as exc:  # LISTEN serves, whatever is wrong with the stream
                        hub.tasks.failed("reader")
                        failure = AbloServerError(f"the stream failed: {type(exc).__name__}")
                group.cancel_scope.cancel()
        except BaseException:
            for stream in opened:
                await stream.aclose()
            raise
        return opened[0]

    async def _pause_after(self, failure: AbloError, hopeless: anyio.Event) -> None:
        refusal = explain(failure)
        self._waits_for(refusal.reason)
        if refusal.lasting:
            hopeless.set()
            with anyio.move_on_after(self._refused.pause()):
                await self._listen.notifications.connected.wait()
        else:
            await anyio.sleep(self._broken.pause())

    async def _step_in(self, hub: Hub, hopeless: anyio.Event) -> None:
        """Let the LISTEN reader work if a slot takes too long or is refused."""
        with anyio.move_on_after(SLOT_SECONDS):
            await hopeless.wait()
        await self._listen.run(hub)

    def _waits_for(self, reason: str) -> None:
        """Report why the WAL is not read, whatever is done meanwhile."""
        self._listen.reason = reason
        self._log.set("listen" if self._log.status.kind == "listen" else "none", reason)
