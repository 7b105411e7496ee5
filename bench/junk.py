"""Generated garbage: values that a caller may send, near misses of what is right among them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, Final

WORDS: Final = (
    *("tasks", "Task", "notes", "t1", "t2", "acme", "user:a", "agent:b", "org:acme", "default"),
    *("title", "status", "id", "createdAt", "create", "update", "delete", "archive", "read", "up"),
    *("=", "in", "like", "is", "asc", "desc", "reject", "notify", "force", "30s", "1h", "0", "-1"),
)
# What has broken programs before.
NASTY: Final = (
    *(
        "",
        " ",
        ".",
        "..",
        "/",
        "%",
        "%00",
        "\\",
        "'",
        '"',
        "$1",
        "\x01",
        "\x7f",
        "\ufeff",
        "\u2028",
    ),
    *("NaN", "Infinity", "-Infinity", "null", "true", "1e400", "1e131071", "0x10", "1_0", "-0"),
    *("'; drop table tasks --", "${x}", "{{x}}", "<script>", "\U0001f600" * 9, "e\u0301" * 40),
    *("0000-00-00", "-0044-01-01", "20231-01-01", "infinity", "2024-02-30", "WzFd", "W10=", "e30="),
)
KEYS: Final = (
    *("model", "id", "data", "operations", "action", "type", "where", "orderBy", "limit", "after"),
    *("claimId", "readAt", "onStale", "reads", "track", "fenceToken", "group", "groups", "query"),
    *("queries", "related", "targets", "ttl", "ttlMs", "meta", "fields", "queue", "maxDepth"),
    *("order", "session", "request", "syncGroups", "capabilityToken", "ttlSeconds", "clientTxId"),
    *("input", "entityType", "entityId", "status", "activity", "schema", "v", "models", "user"),
    *("participantKind", "participantId", "wideScope", "scopes", "prefix", "hash", "display"),
    *("cursor", "lastSyncId", "protocolVersion", "claimIds", "seconds", "at", "before", "through"),
    *("idempotencyKey", "transactionId", "absent", "ids", "archived", "target", "details", "key"),
)
NUMBERS: Final = (0, 1, -1, 2, 100, 1001, 2**31, -(2**31) - 1, 2**53, 2**63 - 1, 2**63, -(2**70))


class Junk:
    """A source of garbage; the same seed gives the same."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def text(self) -> str:
        """Return a text of any kind, seldom a long one."""
        kind = self.chance.random()
        if kind < 0.6:
            return self.chance.choice(WORDS)
        if kind < 0.9:
            return self.chance.choice(NASTY)
        return self.chance.choice("ax\u00e9 ") * self.chance.choice((10, 256, 2000, 30_000))

    def number(self) -> Any:
        """Return a number of any kind."""
        if self.chance.random() < 0.8:
            return self.chance.choice(NUMBERS)
        return self.chance.choice((0.5, -1.5e300, 1e-320, 3.0))

    def value(self, depth: int = 0) -> Any:
        """Return a JSON value; most are shaped like something that means something."""
        kind = self.chance.random()
        if depth > 4 or kind < 0.35:
            return self.text()
        if kind < 0.5:
            return self.number()
        if kind < 0.58:
            return self.chance.choice((None, True, False, [], {}))
        if kind < 0.75:
            count = self.chance.choice((1, 1, 2, 3, 3, 5))
            return [self.value(depth + 1) for _ in range(count)]
        return self.mapping(depth)

    def mapping(self, depth: int = 0) -> dict[str, Any]:
        """Return an object with keys that mean something somewhere."""
        keys = self.chance.sample(KEYS, self.chance.randrange(1, 7))
        return {key: self.likely(key, depth + 1) for key in keys}

    def likely(self, key: str, depth: int) -> Any:
        """Return a value that could stand under this key, often enough that checks are passed."""
        if self.chance.random() < 0.4 or depth > 4:
            return self.value(depth + 1)
        made: dict[str, Callable[[], Any]] = {
            "model": lambda: "tasks",
            "id": lambda: self.chance.choice(("t1", "t2", "t3", self.text())),
            "data": lambda: {"title": self.value(5), "status": "todo"},
            "input": lambda: {"title": self.value(5)},
            "operations": lambda: [self.operation() for _ in range(self.chance.randrange(3))],
            "where": lambda: [self.term()],
            "orderBy": lambda: [[self.chance.choice(WORDS), self.chance.choice(("asc", "up"))]],
            "reads": lambda: [{"model": "tasks", "id": "t1", "readAt": self.number()}],
            "targets": lambda: [{"model": "tasks", "id": self.text()}],
            "queries": lambda: [{"model": "tasks", "where": [self.term()], "limit": self.number()}],
            "request": lambda: self.mapping(depth + 2),
            "query": lambda: self.mapping(depth + 2),
            "claimIds": lambda: [self.text()],
            "order": lambda: [self.text()],
            "schema": lambda: {"v": 3, "models": {self.text(): {"fields": self.mapping(5)}}},
        }
        return made.get(key, lambda: self.value(depth + 1))()

    def term(self) -> list[Any]:
        """Return a term of a filter."""
        operator = self.chance.choice(("=", "in", "<", "like", "is"))
        return [self.chance.choice(WORDS), operator, self.value(5)]

    def operation(self) -> dict[str, Any]:
        """Return an operation that is nearly right."""
        action = self.chance.choice(("create", "update", "delete", "archive", "unarchive", "x"))
        found = {
            "action": action,
            "type": action,
            "model": "tasks",
            "id": f"j{self.chance.randrange(50)}",
        }
        found |= {"data": {"title": self.text()}, "input": {"title": self.text()}}
        return found | (self.mapping(3) if self.chance.random() < 0.4 else {})

    def body(self) -> bytes:
        """Return a body: mostly JSON, else something broken."""
        kind = self.chance.random()
        text = json.dumps(self.mapping() if kind < 0.8 else self.value()).encode()
        if kind < 0.85:
            return text
        return self.chance.choice(
            (
                b"",
                text[: len(text) // 2],
                self.chance.randbytes(40),
                b"[" * self.chance.choice((65, 5000, 200_000)),
                text + b"\x00",
                b'{"a":1,"a":2}',
                b'{"id":"\\ud800"}',
                b'{"data":{"title":' + b"9" * self.chance.choice((20, 5000)) + b"}}",
                b'{"pad":"' + b"x" * 300_000 + b'",' + text[1:],
                b"x" * 1_100_000,
            )
        )
