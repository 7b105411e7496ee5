"""Commits that the kernel must refuse: what is sent, and what the error names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .board import create, op, update

T1 = {"model": "tasks", "id": "t1", "readAt": 1}


@dataclass(frozen=True)
class Bad:
    """A commit on a board where the task t1 exists, and what is said of it."""

    code: str
    operations: Any  # None: none are sent
    model: str | None = None
    field: str | None = None
    row_id: str | None = None
    reads: Any = None
    key: str | None = None

    @property
    def request(self) -> str:
        """The request as JSON text."""
        parts = {"operations": self.operations, "reads": self.reads}
        return json.dumps({name: part for name, part in parts.items() if part is not None})


def data(field: str, value: Any) -> list[Any]:
    return [create("t2"), update("t1", **{field: value})]


def mismatch(field: str, value: Any) -> Bad:
    return Bad("column_type_mismatch", data(field, value), "tasks", field)


MANY = [create(f"m{n}") for n in range(10_000)]

BAD = {
    "no operation": Bad("commit_operation_required", [], None, "operations"),
    "operations an object": Bad("commit_operation_required", {"a": 1}, None, "operations"),
    "operations missing": Bad("commit_operation_required", None, None, "operations"),
    "ten thousand operations": Bad("commit_too_many_operations", MANY, None, "operations"),
    "operation a string": Bad("commit_operation_invalid", ["create"]),
    "operation null": Bad("commit_operation_invalid", [None]),
    "no action": Bad("commit_operation_action_required", [{"model": "tasks"}], None, "action"),
    "other action": Bad(
        "commit_operation_unsupported", [op("upsert", "tasks", "t1")], None, "action"
    ),
    "no model": Bad(
        "commit_operation_model_required", [{"action": "delete", "id": "t1"}], None, "model"
    ),
    "unknown model": Bad("server_execute_unknown_model", [op("delete", "tsks", "t1")], "tsks"),
    "no id": Bad("invalid_id", [op("create", "tasks", None, {"title": "x"})], "tasks", "id"),
    "empty id": Bad("invalid_id", [create("")], "tasks"),
    "long id": Bad("invalid_id", [create("i" * 256)], "tasks"),
    "id taken": Bad("unique_violation", [create("t2"), create("t1")], "tasks", "id"),
    "id taken in the commit": Bad("unique_violation", [create("t2"), create("t2")], "tasks", "id"),
    "missing row": Bad("entity_not_found", [update("t9", count=1)], "tasks", None, "t9"),
    "archive a missing row": Bad(
        "entity_not_found", [op("archive", "tasks", "t9")], "tasks", None, "t9"
    ),
    "unknown field": Bad("unknown_field", data("titel", "x"), "tasks", "titel"),
    "column for field": Bad("unknown_field", data("due_at", None), "tasks", "due_at"),
    "reserved field": Bad(
        "unknown_field", data("organizationId", "evil"), "tasks", "organizationId"
    ),
    "id in data": Bad("unknown_field", data("id", "t5"), "tasks", "id"),
    "createdBy in data": Bad("unknown_field", data("createdBy", "user:x"), "tasks", "createdBy"),
    "archivedAt in data": Bad("unknown_field", data("archivedAt", None), "tasks", "archivedAt"),
    "data a list": Bad("invalid_request", [op("create", "tasks", "t2", [1])], "tasks"),  # type: ignore[arg-type]
    "missing field": Bad("not_null_violation", [op("create", "tasks", "t2", {})], "tasks", "title"),
    "null in required": Bad("not_null_violation", data("title", None), "tasks", "title"),
    "enum": Bad("check_violation", data("status", "later"), "tasks", "status"),
    "enum number": mismatch("status", 1),
    "text number": mismatch("title", 1),
    "integer text": mismatch("count", "1"),
    "integer fraction": mismatch("count", 1.5),
    "integer range": mismatch("count", 2**63),
    "NaN as text": mismatch("score", "NaN"),
    "Infinity as text": mismatch("price", "Infinity"),
    "decimal NaN": mismatch("price", "NaN"),
    "decimal number": mismatch("price", 1.5),
    "boolean text": mismatch("urgent", "true"),
    "datetime naive": mismatch("dueAt", "2026-01-01T00:00:00"),
    "datetime infinity": mismatch("dueAt", "infinity"),
    "datetime now": mismatch("dueAt", "now"),
    "date wrong": mismatch("day", "2026-02-30"),
    "uuid wrong": mismatch("ref", "xyz"),
    "over 1 MB": Bad("request_too_large", data("title", "x" * 1_048_577), "tasks", "title"),
    "referred row missing": Bad(
        "foreign_key_violation", data("projectId", "p9"), "tasks", "project_id"
    ),
    "not tenant scoped": Bad(
        "model_not_tenant_scoped", [create("de", "countries", name="D")], "countries"
    ),
    "not mutable": Bad(
        "commit_operation_unsupported", [create("l1", "ledgers", amount=1)], "ledgers"
    ),
    "readAt text": Bad(
        "invalid_request", [update("t1", count=1) | {"readAt": "7"}], "tasks", "readAt"
    ),
    "readAt ahead": Bad("invalid_request", [update("t1", 10**9, count=1)], "tasks", "readAt"),
    "readAt negative": Bad("invalid_request", [update("t1", -1, count=1)], "tasks", "readAt"),
    "onStale": Bad("invalid_request", [update("t1", 1, "maybe", count=1)], "tasks", "onStale"),
    "reads an object": Bad(
        "invalid_request", [create("t2")], None, "reads", reads={"model": "tasks"}
    ),
    "too many premises": Bad("invalid_request", [create("t2")], None, "reads", reads=[{}] * 501),
    "premise without id": Bad(
        "invalid_request", [create("t2")], None, "reads", reads=[{"model": "tasks", "readAt": 1}]
    ),
    "premise without readAt": Bad(
        "invalid_request", [create("t2")], "tasks", "readAt", reads=[{"model": "tasks", "id": "t1"}]
    ),
    "premise unknown model": Bad(
        "server_execute_unknown_model", [create("t2")], "tsks", reads=[T1 | {"model": "tsks"}]
    ),
    "premise a string": Bad("server_execute_unknown_model", [create("t2")], reads=["t1"]),
    "group without readAt": Bad(
        "invalid_request", [create("t2")], "org:acme", "readAt", reads=[{"group": "org:acme"}]
    ),
    "premise fields no list": Bad(
        "invalid_request", [create("t2")], "tasks", "fields", reads=[T1 | {"fields": "title"}]
    ),
    "premise unknown field": Bad(
        "unknown_field", [create("t2")], "tasks", "titel", reads=[T1 | {"fields": ["titel"]}]
    ),
    "long key": Bad(
        "idempotency_key_too_long", [create("t2")], None, "idempotencyKey", key="k" * 256
    ),
}
