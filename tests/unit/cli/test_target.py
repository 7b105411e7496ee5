"""TARGET: files, modules, attributes, JSON, and what a person is told when it is none of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ablo_pg.cli.target import load_target
from ablo_pg.errors import AbloValidationError
from ablo_pg.schema import dump_schema_json

SOURCE = """
from ablo_pg import Model, define_schema

class Note(Model):
    text: str

schema = define_schema(notes=Note)
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder that programs run in; what is imported from it is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def refused(target: str) -> AbloValidationError:
    with pytest.raises(AbloValidationError) as caught:
        load_target(target)
    assert caught.value.remedy or caught.value.details
    return caught.value


@pytest.mark.parametrize("target", ["app_schema.py", "app_schema", "app_schema:schema"])
def test_a_file_a_module_and_an_attribute_name_the_same(app: Path, target: str) -> None:
    (app / "app_schema.py").write_text(SOURCE)
    assert [model.key for model in load_target(target).models] == ["notes"]


def test_a_file_inside_a_package_may_import_its_neighbours(app: Path) -> None:
    (app / "shop").mkdir()
    (app / "shop" / "__init__.py").touch()
    (app / "shop" / "models.py").write_text(SOURCE)
    (app / "shop" / "schema.py").write_text("from .models import schema\n")
    assert load_target("shop/schema.py").models[0].key == "notes"


def test_a_lone_file_does_not_shadow_an_installed_module(app: Path) -> None:
    (app / "click.py").write_text(SOURCE)
    import click

    assert load_target("click.py").models[0].key == "notes"
    assert sys.modules["click"] is click


def test_pushed_json_gives_the_same_schema(app: Path) -> None:
    (app / "app_schema.py").write_text(SOURCE)
    spec = load_target("app_schema.py")
    import orjson

    (app / "schema.json").write_bytes(orjson.dumps(dump_schema_json(spec)))
    assert load_target("schema.json").hash == spec.hash


def test_one_of_several_schemas_is_chosen_by_name(app: Path) -> None:
    text = SOURCE.replace("schema =", "first =") + "second = define_schema(others=Note)\n"
    (app / "two.py").write_text(text)
    assert load_target("two.py:second").models[0].key == "others"
    assert "first, second" in refused("two.py").message
    assert "third" in refused("two.py:third").message


def test_the_name_schema_wins(app: Path) -> None:
    (app / "two.py").write_text(SOURCE + "other = define_schema(others=Note)\n")
    assert load_target("two.py").models[0].key == "notes"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("empty.py", "", "declares no schema"),
        ("broken.py", "def f(:\n", "broken.py"),
        ("raises.py", "1 / 0\n", "raises.py:1"),
        ("imports.py", "import no_such_module_here\n", "no_such_module_here"),
        ("bad.json", "{", "not JSON"),
    ],
)
def test_a_faulty_file_says_where(app: Path, name: str, text: str, told: str) -> None:
    (app / name).write_text(text)
    assert told in refused(name).message


@pytest.mark.parametrize("target", ["missing.py", "missing_module", "missing.json", "no/dir/a.py"])
def test_what_is_not_there_is_named(app: Path, target: str) -> None:
    assert target in refused(target).message


def test_what_a_file_prints_is_no_result(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (app / "noisy.py").write_text(f"print('hello')\n{SOURCE}")
    load_target("noisy.py")
    load_target("noisy")
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "hello\nhello\n")
