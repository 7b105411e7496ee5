"""One relay's /ready, asked again and again, beside a witness of what comes through it."""

from __future__ import annotations

import time
from typing import Any

import anyio
import httpx
import psycopg

from ablo_pg.db.session import connect_async

from .follower import Follower
from .load import RETRY, wait_a_while
from .readiness import Passage, Said, lies
from .wal_oracle import Change

WITNESS = "witness"  # the organization
ASK = 0.1  # seconds between two questions
PATIENCE = 1.0  # for an answer; none is no lie
TESTIFY = 0.05  # seconds between two writes
TESTIMONY = """
insert into tasks (id, organization_id, title) values ('now', 'witness', %s)
on conflict (organization_id, id) do update set title = excluded.title"""


async def testify(admin_url: str) -> None:
    """Write what time it is, again and again, until cancelled."""
    while True:
        try:
            conn = await connect_async(admin_url)
            try:
                while True:
                    await conn.execute(TESTIMONY, [repr(time.time())])
                    await wait_a_while(TESTIFY)
            finally:
                with anyio.CancelScope(shield=True):
                    await conn.close()
        except psycopg.Error:
            await wait_a_while(RETRY)


class Witness(Follower):
    """Notes when what was written came."""

    organization = WITNESS
    claiming = False

    def __init__(self, key: str, url: str) -> None:
        super().__init__(WITNESS, key, [url])
        self.passages: list[Passage] = []

    def note(self, change: Change) -> None:
        """See Follower."""
        self.passages.append(Passage(float(change.title or 0), time.time()))


class Watch:
    """`said` is what the relay at a URL answered, in order; `told` the last answer, whole."""

    def __init__(self, url: str, key: str) -> None:
        self.witness = Witness(key, url)
        self.said: list[Said] = []
        self.told: dict[str, Any] = {}
        self._url = f"{url}/ready"

    @property
    def ready(self) -> bool:
        """Whether it said so last."""
        return bool(self.said and self.said[-1].ready)

    def lies(self) -> list[str]:
        """Return in what it contradicts the witness."""
        return lies(self.said, self.witness.passages)

    async def run(self) -> None:
        """Ask, and see, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.witness.run)
            async with httpx.AsyncClient(timeout=PATIENCE) as http:
                while True:
                    self.said.append(await self._ask(http))
                    await wait_a_while(ASK)

    async def _ask(self, http: httpx.AsyncClient) -> Said:
        asked = time.time()
        try:
            answer = await http.get(self._url)
        except httpx.TransportError:
            return Said(asked, time.time(), None)
        self.told = answer.json()
        ready = answer.status_code == httpx.codes.OK
        return Said(asked, time.time(), ready, tuple(self.told["reasons"]))
