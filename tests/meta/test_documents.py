"""README, docs and CI say what is true: commands, options, links."""

from __future__ import annotations

import copy
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ablo_pg.cli import cli
from ablo_pg.cli.sections import SECTIONS

from .project import ROOT, relative

README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CLI_PAGE = (ROOT / "docs" / "cli.md").read_text()


def commands(
    group: click.Group = cli, prefix: str = "ablo-pg"
) -> Iterator[tuple[str, click.Command]]:
    """Yield every command, groups included, with its name as it is typed."""
    context = click.Context(group)
    for name in sorted(group.list_commands(context)):
        command = group.get_command(context, name)
        assert command is not None, f"{prefix} {name} stands in the help alone"
        yield f"{prefix} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")


EVERYTHING = dict(commands()) | {"ablo-pg": cli}
COMMANDS = {
    name: command for name, command in EVERYTHING.items() if not isinstance(command, click.Group)
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    section = re.search(
        rf"^## `{re.escape(name)}.*?(?=^## |\Z)", CLI_PAGE, re.MULTILINE | re.DOTALL
    )
    assert section, f"docs/cli.md has no section for {name}"
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option):
            missing = [option for option in parameter.opts if option not in section[0]]
            assert not missing


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_command_shows_examples_and_explains_itself(name: str) -> None:
    command = EVERYTHING[name]
    assert command.help
    assert "Examples:" in (command.epilog or "")
    assert name in (command.epilog or "")


def test_the_help_lists_every_command_of_the_package_once() -> None:
    listed = [name for section in SECTIONS.values() for name in section]
    assert len(listed) == len(set(listed))
    made = {
        name.removesuffix("_command")
        for path in (ROOT / "ablo_pg" / "cli").rglob("*.py")
        for name in re.findall(r"^def (\w+_command)\(", path.read_text(), re.MULTILINE)
    }
    below = {name.split()[-1] for name in EVERYTHING if name.count(" ") == 2}
    assert made == set(listed) | below


def test_documented_commands_exist() -> None:
    described = set(re.findall(r"^## `(ablo-pg [a-z ]+?)(?: [A-Z[-].*)?`", CLI_PAGE, re.MULTILINE))
    assert described == set(COMMANDS)


def test_ci_runs_the_test_command_of_the_readme() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    tests = [block.strip() for block in blocks if "pytest" in block]
    assert len(tests) == 1
    assert tests[0] in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("page", [*PAGES, ROOT / "docs" / "llms.txt"], ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


def test_the_site_builds_with_no_broken_link(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-q", "-f", ".mkdocs.yml", "-d", tmp_path],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        check=True,
    )
    made = [tmp_path / page.stem / "index.html" for page in PAGES[1:] if page.stem != "index"]
    assert [page for page in made if "```" in page.read_text()] == []  # a fence it does not know


@pytest.mark.parametrize("index", ["README.md", "docs/llms.txt", ".mkdocs.yml"])
def test_every_page_can_be_found(index: str) -> None:
    listed = set(re.findall(r"([\w-]+\.md)(?:#[\w-]+)?[)\n]", (ROOT / index).read_text()))
    assert [page.name for page in PAGES[1:] if page.name not in listed] == []


def typed(text: str) -> Iterator[list[str]]:
    """Yield the arguments of every `ablo-pg ...` that a shell would run in a text."""
    for line in text.replace("\\\n", " ").splitlines():
        if "ablo-pg" not in line:
            continue
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command: list[str] | None = None
        for word in words:
            if word == "ablo-pg":
                command = []
            elif command is not None and set(word) <= set("|&;<>()"):
                yield command
                command = None
            elif command is not None:
                command.append(word)
        if command is not None:
            yield command


def misused(arguments: list[str]) -> str | None:
    """Return what is wrong with a command line; nothing is run, and no file need be there."""
    group: click.Command = cli
    while isinstance(group, click.Group) and arguments and not arguments[0].startswith("-"):
        name, *arguments = arguments
        found = group.get_command(click.Context(group), name)
        if found is None:
            return f"no command {name}"
        group = found
    group = copy.copy(group)
    group.params = [copy.copy(option) for option in group.params]
    for option in group.params:
        # What the environment may give need not be typed; an argument must be.
        option.required = option.required and not getattr(option, "envvar", None)
    try:
        group.make_context("x", arguments)
    except click.exceptions.Exit:
        return None  # --help, --version
    except click.UsageError as error:
        return error.format_message()
    return None


SHELL = [
    *(
        (name, (command.epilog or "").partition("Examples:")[2])
        for name, command in EVERYTHING.items()
    ),
    *(
        (relative(page), block)
        for page in PAGES
        for block in re.findall(r"```(?:sh|bash).*?\n(.*?)```", page.read_text(), re.DOTALL)
    ),
]


def test_every_example_of_the_command_line_is_one() -> None:
    """In each --help and on each page: the commands and options are there, and take such values."""
    lines = [(where, words) for where, text in SHELL for words in typed(text)]
    assert len(lines) > 60
    assert [(where, words, why) for where, words in lines if (why := misused(words))] == []


@pytest.mark.parametrize(
    "line", ["ablo-pg mgrate", "ablo-pg logs --folow", "ablo-pg relay --port x"]
)
def test_an_example_that_is_none_is_found(line: str) -> None:
    (words,) = typed(f"cd app && {line} | less  # so")
    assert misused(words)
