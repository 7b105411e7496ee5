"""Rows and pages as premises: only as they were read, by the client that is to write."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from ablo_pg import AbloError, Model, Page, define_schema
from ablo_pg.client.names import Tenant
from ablo_pg.client.registry import Registry
from ablo_pg.client.rows.decode import page_of, row_of
from ablo_pg.client.rows.premises import disposition_of, encode_premise
from ablo_pg.client.rows.requests import list_query
from ablo_pg.wire.results import PAGE_READ


class Task(Model, typename="WorkItem", table="work"):
    title: str
    due_date: str | None = None


class Other(Model, typename="WorkItem", table="work"):
    title: str


SCHEMA = define_schema(tasks=Task)
REGISTRY = Registry(SCHEMA, Tenant("acme"))
TASKS = REGISTRY.entry("tasks")
ROW = {
    "id": "t1",
    "createdAt": "2026-01-01T00:00:00+00:00",
    "updatedAt": "2026-01-01T00:00:00+00:00",
    "organizationId": "acme",
    "title": "x",
}
READ = json.dumps(ROW).encode()


def page(where: Any, archived: bool = False) -> Page[Any]:
    read = {"data": [ROW], "evidence": [{"id": "t1", "stamp": 7}], "stamp": 9, "hasMore": True}
    found = PAGE_READ.decode(json.dumps(read))
    return page_of(TASKS, found, list_query(TASKS, where, None, 1, None, archived))


def refused(premise: Any, registry: Registry = REGISTRY) -> AbloError:
    with pytest.raises(AbloError) as caught:
        encode_premise(registry, premise)
    assert caught.value.remedy
    return caught.value


def test_a_row_as_it_was_read() -> None:
    row = row_of(TASKS, READ, 42)
    assert encode_premise(REGISTRY, row) == {"model": "WorkItem", "id": "t1", "readAt": 42}


@pytest.mark.parametrize(
    "spoil",
    [
        copy.copy,
        copy.deepcopy,
        lambda row: row.model_copy(update={"title": "y"}),
        lambda row: pickle.loads(pickle.dumps(row)),
        lambda row: Task(**row.model_dump()),
        lambda row: Task.model_construct(**row.model_dump()),
        lambda row: Task.model_validate(row.model_dump()),
    ],
)
def test_what_is_not_the_row_that_was_read(spoil: Any) -> None:
    error = refused(spoil(row_of(TASKS, READ, 42)))
    assert error.code == "invalid_request"
    assert "copy" in str(error)


def test_a_row_of_another_organization() -> None:
    row = row_of(Registry(SCHEMA, Tenant("globex")).entry("tasks"), READ, 42)
    error = refused(row)
    assert (error.code, error.http_status, error.model) == ("foreign_tenant_row", 403, "tasks")


def test_a_row_of_another_schema() -> None:
    other = Registry(define_schema(tasks=Other), Tenant("acme"))
    assert "another schema" in str(refused(row_of(other.entry("tasks"), READ, 42)))
    stranger = Registry(define_schema(jobs=Other), Tenant("acme"))
    error = refused(row_of(stranger.entry("jobs"), READ, 42))
    assert error.code == "server_execute_unknown_model"


def test_a_page_is_its_filter_and_its_rows() -> None:
    read = page({"due_date": None}, archived=True)
    read.clear()  # a page is a list; what was read stays what was read
    assert encode_premise(REGISTRY, read) == {
        "model": "WorkItem",
        "where": [["dueDate", "is", None]],
        "archived": True,
        "ids": ("t1",),
        "readAt": 9,
    }


@pytest.mark.parametrize(
    "spoil", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p)), list]
)
def test_a_copied_page_is_none(spoil: Any) -> None:
    copied = spoil(page(None))
    assert refused(copied).code == "invalid_request"
    assert copied == page(None)
    assert getattr(copied, "stamp", 9) == 9


def test_a_page_made_by_hand_is_none() -> None:
    assert refused(Page([], 9, False, None)).code == "invalid_request"


def test_a_filter_in_words() -> None:
    premise = {"model": Task, "where": {"title": "x"}, "read_at": 9, "on_stale": "flag"}
    assert encode_premise(REGISTRY, premise) == {
        "model": "WorkItem",
        "where": [["title", "=", "x"]],
        "archived": False,
        "readAt": 9,
        "onStale": "flag",
    }
    malformed: tuple[Any, ...] = (
        {"id": "t1"},
        {"fields": ["title"]},
        {"group": "a:b"},
        {"wheer": []},
    )
    for wrong in malformed:
        assert refused(premise | wrong).code == "invalid_request"
    assert refused(premise | {"where": {"nope": 1}}).code == "query_invalid_identifier"


@pytest.mark.parametrize(
    ("old", "new"), [("force", "overwrite"), ("flag", "flag"), ("merge", "notify")]
)
def test_older_spellings(old: str, new: str) -> None:
    assert disposition_of(old, "tasks") == disposition_of(new, "tasks") == new
