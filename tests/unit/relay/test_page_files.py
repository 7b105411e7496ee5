"""Files of pages that ask for no key: a client that does not read makes little wait."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from starlette.requests import Request

from ablo_pg.relay.http.docs_routes import POLICY, assets
from ablo_pg.relay.http.page import PART, asset_answer

NAME = "swagger-ui-bundle.js"


@pytest.mark.anyio
async def test_a_large_file_is_sent_as_fast_as_it_is_read() -> None:
    sent: list[dict[str, Any]] = []
    taken = anyio.Event()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            taken.set()
            await anyio.sleep_forever()  # as the server does while the client reads nothing

    async def receive() -> dict[str, Any]:
        await anyio.sleep_forever()
        raise AssertionError

    asset = assets()[NAME]
    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.4"}}
    answer = asset_answer(Request(scope), asset, POLICY)
    assert answer.headers["content-length"] == str(len(asset.body))
    async with anyio.create_task_group() as group:
        group.start_soon(answer, scope, receive, send)  # type: ignore[arg-type]
        await taken.wait()
        group.cancel_scope.cancel()
    assert [len(each.get("body", b"")) for each in sent] == [0, PART]
