"""Text that users read has none of the phrases that read as translated."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from .language import findings
from .project import ROOT, relative

TEXT = {".md", ".txt", ".toml", ".py", ".sql", ".html", ".js", ".css", ".yaml", ".service"}
FOLDERS = ["docs", "examples", "deploy", ".github", "sql", "ablo_pg"]


def parts() -> dict[str, list[Path]]:
    """The files that users read, by folder and the folder below it; migrations never change."""
    found = {".": sorted(ROOT.glob("*.md"))}
    for path in (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*"))):
        if path.suffix in TEXT and "migrations" not in path.parts:
            found.setdefault("/".join(relative(path).split("/")[:-1][:2]), []).append(path)
    return found


PARTS = parts()


@pytest.mark.parametrize("part", PARTS)
def test_text_reads_as_written_in_english(part: str) -> None:
    found = [
        f"{relative(path)}:{line}: {phrase!r}; better: {better}"
        for path in PARTS[part]
        for line, phrase, better in findings(path)
    ]
    assert not found, "\n" + "\n".join(found)


# Words of one house: a newcomer knows wake-up, connector, live view, batch, maintenance, interface.
HOUSE_WORDS: Final = re.compile(r"(?:bell|station|board|gulp|chore|wish|door)(?:e?s)?|loose")
NAME: Final = re.compile(r"(?<![\w-])[A-Za-z_]\w+")
WORD: Final = re.compile(r"[A-Z]?[a-z]+")


def house_names(text: str) -> set[str]:
    """The names in a text that have a house word among their words."""
    names = set(NAME.findall(text))
    return {n for n in names if any(HOUSE_WORDS.fullmatch(w.lower()) for w in WORD.findall(n))}


def test_names_are_standard_terms() -> None:
    files = [path for folder in ("ablo_pg", "sql") for path in (ROOT / folder).rglob("*.*")]
    ours = [
        path for path in files if path.suffix in {".py", ".sql"} and "migrations" not in str(path)
    ]
    assert len(ours) > 400
    found = {relative(p): house_names(f"{p.stem} {p.read_text('utf-8')}") for p in ours}
    assert {path: names for path, names in found.items() if names} == {}
    planted = "ablo_cut_loose DirectStation ring_bell WakeUp keyboard on_board"
    assert house_names(planted) == {"ablo_cut_loose", "DirectStation", "ring_bell", "on_board"}


def test_every_kind_of_text_is_read() -> None:
    assert {".", "docs", "sql/40_commit", "ablo_pg", "ablo_pg/cli", "ablo_pg/relay"} <= PARTS.keys()
    assert {path.suffix for files in PARTS.values() for path in files} == TEXT


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("page.md", "# Page\n\nA fact.\nThe row is nobody's.\n", 4),
        ("page.md", "The request waits in the wait\nline.\n", 1),
        ("doc.py", '"""Read.\n\nA cursor\n    that is none.\n"""\n', 4),
        ("raised.py", "x = 1\nraise ValueError(f'{x} is no number, {x}')\n", 2),
        ("command.py", "import click\nclick.option('--x', help='Make it anew.')\n", 2),
        ("comment.py", "x = 1  # one\n# Whoever\n# asks\n", 2),
        ("comment.py", "# It is\n# told.\n", 1),
        ("routine.sql", "select 1;\n-- The client is cut\n-- loose.\n", 2),
        ("routine.sql", "raise exception 'x' using hint = 'Somebody holds the row.';\n", 1),
        ("page.html", "<p>\nChanges arrive by themselves.</p>\n", 2),
        ("text.js", "const x = `It is told to the page`\n", 1),
        ("codes.toml", "[x]\ncause = 'The claim is none.'\n", 2),
    ],
)
def test_a_planted_sentence_is_found(tmp_path: Path, name: str, text: str, line: int) -> None:
    (tmp_path / name).write_text(text)
    (found,) = findings(tmp_path / name)
    assert found.line == line
    assert found.better


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "page.md",
            "The value is null if there is none. There is no other. `doors` is no longer.\n",
        ),
        ("code.py", '"""It is None."""\n\nanew = door = "anew"\nif anew is None:\n    pass\n'),
        ("page.md", "At most 500 per commit, in line 3. The holder no longer waits.\n"),
    ],
)
def test_plain_sentences_pass(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert list(findings(tmp_path / name)) == []
