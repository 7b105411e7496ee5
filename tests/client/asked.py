"""Stand between a client and the calls that it makes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ablo_pg import AsyncAblo

Answer = Callable[[], Awaitable[Any]]


def on_ask(client: AsyncAblo, name: str, instead: Callable[[Any, Answer], Awaitable[Any]]) -> None:
    """Have `instead(body, answer)` called for each call of that name; `answer()` makes it."""
    transport: Any = client._session.transport
    ask = transport.ask

    async def asked(call: Any, body: Any) -> Any:
        if call.name != name:
            return await ask(call, body)
        return await instead(body, lambda: ask(call, body))

    transport.ask = asked
