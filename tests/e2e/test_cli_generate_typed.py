"""generate: in the typed client, mypy and pyright take of `data` what the client takes, no more.

Each value below is checked three times: by mypy --strict, by pyright strict, and by the client.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mypy import api

from ablo_pg.cli.main import run
from ablo_pg.errors import AbloValidationError
from ablo_pg.schema.inputs import validate_create, validate_update

SCHEMA = """
import datetime as dt
import enum
import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal

import pydantic
from typing_extensions import TypedDict

from ablo_pg import Model, define_schema, model


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Point(pydantic.BaseModel):
    x: int


class Address(TypedDict):
    street: str


def split(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"]
    due: int | None = None
    size: Size = Size.SMALL
    start: dt.datetime | None = None
    day: dt.date | None = None
    price: Decimal | None = None
    ref: uuid.UUID | None = None
    score: float = 0.0
    urgent: bool = False
    tags: list[str] = []
    points: list[Point] = []
    address: Address | None = None
    extra: pydantic.JsonValue = 0
    meta: dict[str, Any] = {}
    csv: Annotated[list[str], pydantic.BeforeValidator(split)] = []
    made_by: str = pydantic.Field(default_factory=lambda: "me")


class Ablo(Model):
    name: str


schema = define_schema({"odd key": model(x=int)}, tasks=Task, people=Ablo, plain=model(title=str))
"""
USES = """
import datetime as dt
import uuid
from decimal import Decimal

from ablo_client import CLIENT, NewAblo, NewTask, PlainChanges, TaskChanges
from schema import Address, Point, Size, Task, schema

NOW = dt.datetime.now(dt.UTC)
REF = uuid.uuid4()
POINTS = [Point(x=1)]
TAGS = ["a"]
META = {"a": 1}
HOME: Address = {"street": "x"}


ASYNC def computed(task: Task) -> TaskChanges | None:
    return {"due": 1} if task.due is None else None


client = CLIENT(
    schema=schema, database_url="postgresql:///x", organization="a", participant="user:a"
)


ASYNC def work(ablo: CLIENT) -> None:
"""
MARK = "  # wrong"
RIGHT = {
    "title": ['"x"'],
    "status": ['"todo"', '"done"'],
    "due": ["3", "None"],
    "size": ["Size.LARGE", '"s"'],
    "start": ["NOW", '"2026-01-01T00:00:00Z"', "None"],
    "day": ["NOW.date()", '"2026-01-01"'],
    "price": ['Decimal("1.5")', '"1.50"', "2", "2.5"],
    "ref": ["REF", "str(REF)", "None"],
    "score": ["1.5", "2"],
    "urgent": ["True"],
    "tags": ["TAGS", "[]"],
    "points": ["POINTS", '[{"x": 1}, Point(x=2)]'],
    "address": ["HOME", '{"street": "y"}', "None"],
    "extra": ['{"a": [1, None, "b"]}', '"text"'],
    "meta": ["META", "{}"],
    "csv": ['"a,b"', "TAGS"],
}
WRONG = {
    "title": ["3", "None"],
    "status": ['"later"', "None"],
    "due": ['"3"', "1.5"],
    "size": ['"xl"', "None"],
    "start": ["3", "NOW.date()"],
    "day": ["3"],
    "price": ["NOW"],
    "ref": ["7"],
    "score": ['"1.5"', "None"],
    "urgent": ['"yes"', "1"],
    "tags": ['"a"', "[1]", "None"],
    "points": ["[3]", "Point(x=1)"],
    "address": ["{}", '{"street": 3}', "Point(x=1)"],
    "extra": ["NOW"],
    "meta": ["[1]", "{1: 2}"],
    "titel": ['"x"'],
    "id": ['"t2"'],
    "created_at": ["NOW"],
}
CALLS = [
    'ablo.tasks.create({"title": "x", "status": "todo"}, id="t", wait="queued")',
    'ablo.tasks.create(NewTask(title="x", status="todo", due=None))',
    'ablo.tasks.update("t", TaskChanges(due=None), on_stale="reject", read_at=3)',
    'ablo.tasks.update("t", lambda task: {"due": (task.due or 0) + 1}, retries=3)',
    'ablo.tasks.update("t", lambda task: None if task.due else {"title": task.title})',
    'ablo.tasks.update("t", computed)',
    'ablo.plain.create({"title": "x"})',
    'ablo.plain.update("p", PlainChanges(title="y"))',
    'ablo.people.create({"name": "x"})',
    'ablo.people.create(NewAblo(name="x"))',
    'ablo.model(Task).update("t", {"status": "any"})',
    'ablo.model("odd key").create({"x": 1})',
]
BAD_CALLS = [
    "ablo.tasks.create({})",
    'ablo.tasks.create({"title": "x"})',
    'ablo.tasks.create({"title": "x", "status": "todo", "titel": "x"})',
    'ablo.tasks.create({"title": "x", "status": "later"})',
    'ablo.tasks.create({"title": 3, "status": "todo"})',
    "ablo.tasks.create(TaskChanges(due=3))",
    'ablo.tasks.update("t", {"title": "x"}, on_stale="perhaps")',
    'ablo.tasks.update("t", lambda task: {"titel": "x"})',
    'ablo.tasks.update("t", lambda task: {"title": task.titel})',
    'ablo.tasks.update("t", lambda task: {"due": task.title})',
    'ablo.tasks.list(limit="many")',
    "ablo.tasks.local.list()[0].titel",
    'ablo.people.create({"title": "x"})',
    'ablo.plain.update("p", {"title": 3})',
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with ablo/schema.py and the client generated from it; the current folder."""
    (tmp_path / "ablo").mkdir()
    (tmp_path / "ablo" / "schema.py").write_text(SCHEMA)
    monkeypatch.chdir(tmp_path)
    assert run(["generate"]) == 0
    return tmp_path / "ablo"


def updates(values: dict[str, list[str]]) -> Iterator[str]:
    """A call of `update` for each value."""
    for field, texts in values.items():
        yield from (f'ablo.tasks.update("t", {{"{field}": {text}}})' for text in texts)


def program(client: str) -> str:
    """A user's program on one of the clients, one call a line, the wrong ones marked."""
    right, wrong = [*CALLS, *updates(RIGHT)], [*BAD_CALLS, *updates(WRONG)]
    lines = [f"    AWAIT {call}\n" for call in right]
    lines += [f"    AWAIT {call}{MARK}\n" for call in wrong]
    text = (USES + "".join(lines)).replace("CLIENT", client)
    if client == "Ablo":
        return text.replace("ASYNC ", "").replace("AWAIT ", "")
    return text.replace("ASYNC", "async").replace("AWAIT", "await")


def programs(folder: Path) -> set[str]:
    """Write the programs; return where each wrong call is: `file:line`."""
    wrong = set()
    for client in ("AsyncAblo", "Ablo"):
        path = folder / f"with_{client.lower()}.py"
        path.write_text(program(client))
        lines = enumerate(program(client).splitlines(), start=1)
        wrong |= {f"{path.name}:{at}" for at, line in lines if line.endswith(MARK)}
    return wrong


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("kept_types")
def test_mypy_takes_what_is_right_and_refuses_what_is_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = programs(folder)
    monkeypatch.setenv("MYPYPATH", str(folder))
    out, _, _ = api.run(["--strict", "--config-file", "", *map(str, folder.glob("*.py"))])
    found = [line for line in out.splitlines() if ": error:" in line]
    places = {":".join(line.split("/")[-1].split(":")[:2]) for line in found}
    assert places == wrong, out


@pytest.mark.timeout(180)
def test_pyright_takes_what_is_right_and_refuses_what_is_wrong(folder: Path) -> None:
    wrong = programs(folder)
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    done = subprocess.run(
        [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    errors = [one for one in found if one["severity"] == "error"]
    places = {f"{Path(one['file']).name}:{one['range']['start']['line'] + 1}" for one in errors}
    assert places == wrong, errors


def test_the_client_takes_the_same_values(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("schema", "ablo_client"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(folder))
    names: dict[str, Any] = {}
    exec(USES.replace("CLIENT", "Ablo").replace("ASYNC ", "") + "    pass", names)
    task = names["schema"].models["tasks"]
    for data in values_of(RIGHT, names):
        assert validate_update(task, data).keys() == data.keys()
        validate_create(task, {"title": "x", "status": "todo", **data})
    for data in values_of(WRONG, names):
        with pytest.raises(AbloValidationError):
            validate_update(task, data)


def values_of(texts: dict[str, list[str]], names: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each value as the data of an update."""
    for field, each in texts.items():
        yield from ({field: eval(text, names)} for text in each)
