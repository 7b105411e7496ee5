"""`ablo.access.explain`: on a database and over a relay, async and blocking, the same answer."""

from __future__ import annotations

import pytest

from ablo_pg import AbloValidationError, AsyncAblo
from ablo_pg.cli.main import run
from ablo_pg.testing import DatabaseHandle

from .conftest import MakeClient, MakeSync, Task
from .relay_thread import GetRelay, make_key

pytestmark = pytest.mark.anyio


async def test_a_client_learns_what_it_may_do(
    ablo: AsyncAblo, make_client: MakeClient, make_sync: MakeSync
) -> None:
    await ablo.tasks.create({"title": "a"}, id="t1")
    ann = make_client("user:ann")
    free = await ann.access.explain("tasks", "t1")
    assert (free.participant, free.organization) == ("user:ann", "acme")
    allowed = {verb: one.allowed for verb, one in free.access.items()}
    assert allowed == {"read": True, "create": False, "update": True, "delete": True}
    async with ablo.tasks.claim(id="t1"):
        held = await ann.access.explain(Task, "t1")
        assert (held.access["update"].allowed, held.access["update"].by) == (False, "claim")
        assert held.claims[0]["heldBy"] == "agent:triage"
        assert make_sync("user:ann").access.explain("tasks", "t1").access == held.access
    missing = await ann.access.explain("tasks", "none")
    assert (missing.access["read"].by, missing.access["create"].allowed) == ("row", True)
    with pytest.raises(AbloValidationError) as caught:
        await ann.access.explain("nothing", "t1")
    assert caught.value.code == "server_execute_unknown_model"


def test_the_command_asks_a_relay_with_its_key(
    db: DatabaseHandle,
    get_relay: GetRelay,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ABLO_API_KEY", make_key(db, "acme", "user:ann"))
    monkeypatch.setenv("ABLO_API_URL", get_relay().url)
    assert run(["access", "explain", "--model", "tasks", "--id", "none"]) == 0
    told = capsys.readouterr().out
    assert "tasks none: user:ann of acme" in told
    assert "there is no such row, or the key may not see it" in told
    assert run(["access", "explain", "--model", "nothing", "--id", "t1"]) == 1
    assert "nothing" in capsys.readouterr().err
