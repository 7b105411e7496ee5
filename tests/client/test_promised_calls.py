"""Every call that was promised stands on a page of docs/ whose examples run in both clients."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import pytest

from .pages import blocks, without_await

Spelled = Callable[[str], str]
# `...` stands for whatever an example puts there.
PROMISED = """
async with ablo.tasks.claim(id="task_123", action="update") as claim:
    if claim.data.status != "done":
        result = await model_call(claim.data)
        await ablo.tasks.update(id="task_123", data={"status": "done"}, wait="confirmed")

claim = await ablo.tasks.claim(id=...)
await claim.release()
await ablo.tasks.claim.state(id=...)
await ablo.tasks.claim.queue(id=...)
await ablo.tasks.claim.release(id=...)
await ablo.tasks.claim.reorder(id=..., order=...)
claim = await ablo.tasks.claim(id=..., queue=False)
claim = await ablo.tasks.claim(id=..., max_queue_depth=3, timeout=30, ttl="2m", fields=["status"], meta=..., on_status=print)
await ablo.tasks.retrieve(id=..., if_claimed="fail")
await ablo.tasks.update("task_123", lambda current: {"count": current.count + 1}, retries=16)
await ablo.tasks.update(id=..., data=..., reads=[task, policy])
await ablo.tasks.track(id=..., on_stale="reject")
await ablo.tasks.create(..., reads=[page])
await ablo.tasks.history(id=...)
await ablo.tasks.retrieve(id=..., at=...)
await ablo.presence.set(status=..., activity=..., ttl=...)
await ablo.presence.list()
await ablo.presence.leave()
"""  # noqa: E501
STATEMENTS = [ast.unparse(one) for one in ast.parse(PROMISED).body]


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("spelled", [str, without_await], ids=["async", "sync"])
def test_it_is_on_a_page(statement: str, spelled: Spelled) -> None:
    wanted = only(spelled(statement))
    assert any(alike(wanted, shown) for shown in nodes(spelled))


def test_a_call_that_is_spelled_otherwise_is_missed() -> None:
    for other in ('await ablo.tasks.track(id=..., on_stale="refuse")', "await ablo.tasks.hold()"):
        assert not any(alike(only(other), shown) for shown in nodes(str))


def only(statement: str) -> ast.AST:
    """The node of one statement; of an expression, the expression itself."""
    (node,) = ast.parse(statement).body
    return node.value if isinstance(node, ast.Expr) else node


def nodes(spelled: Spelled) -> Iterator[ast.AST]:
    """Every node of every example."""
    for page in ("claims.md", "writing.md"):
        for block in blocks(page):
            yield from ast.walk(ast.parse(spelled(block)))


def alike(wanted: object, shown: object) -> bool:
    """Whether two parts of programs are the same, but for what `...` stands for."""
    if isinstance(wanted, ast.Constant) and wanted.value is ...:
        return True
    if isinstance(wanted, ast.AST):
        return type(wanted) is type(shown) and all(
            alike(value, getattr(shown, name)) for name, value in ast.iter_fields(wanted)
        )
    if isinstance(wanted, list) and isinstance(shown, list):
        return len(wanted) == len(shown) and all(map(alike, wanted, shown))
    return wanted == shown
