"""Holding a claim: the grant, writes under it, re-entrancy, release."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg import AsyncAblo

pytestmark = pytest.mark.anyio


async def test_work_under_a_claim(ablo: AsyncAblo) -> None:
    await ablo.tasks.create({"title": "Write", "count": 1}, id="task_123")
    async with ablo.tasks.claim(id="task_123", action="update") as claim:
        assert claim.status == "held"
        if claim.data.status != "done":
            await ablo.tasks.update(id="task_123", data={"status": "done"}, wait="confirmed")
        await ablo.tasks.update(id="task_123", data={"count": 2})
        state = await ablo.tasks.claim.state(id="task_123")
        assert state is not None
        assert (state.id, state.held_by, state.action) == (claim.id, "agent:triage", "update")
    assert claim.status == "released"
    assert await ablo.tasks.claim.state(id="task_123") is None
