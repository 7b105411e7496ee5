"""Text from outside only shows in a terminal: no colour, cursor or direction comes with it."""

from __future__ import annotations

import logging
import re

import pytest

from ablo_pg.cli.output import plain, say, show, show_error, show_json, styled
from ablo_pg.errors import error_for
from ablo_pg.relay.logs import TextFormatter

EVIL = "a\x1b[2Jb\x1b]0;owned\x07c\x9b31md\u202eevil\u2066\r\x7f\u2028e"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028]")
COLOURS = re.compile("\x1b\\[[0-9;]*m")


def test_ids_stay_on_their_line() -> None:
    assert plain("a\nb\tc\x1b[1m") == "a\\nb\\tc\\x1b[1m"
    assert plain("Zoë 👩‍💻 — ok") == "Zoë 👩‍💻 — ok"
    assert OBEYED.search(plain(EVIL)) is None
    assert plain("\ud800") == "\\ud800"


@pytest.mark.parametrize("text", [EVIL, "\x1b[8mhidden\x1b[0m", "x\x1b[31m"])
def test_lines_bring_no_colours_along(capsys: pytest.CaptureFixture[str], text: str) -> None:
    show(text)
    say(text)
    show_error(error_for("invalid_id", text, remedy=text, details={"log": [text]}), as_json=False)
    out, err = capsys.readouterr()
    assert OBEYED.search(out + err) is None
    assert "\\x1b" in out
    assert "\\x1b" in err


def test_our_own_colours_come_through(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("click.echo", lambda text, **_: told.append(text))
    show(styled("held", fg="green") + " " + styled(EVIL, bold=True))
    [line] = told
    assert line.startswith("\x1b[32mheld\x1b[0m ")
    assert OBEYED.search(COLOURS.sub("", line)) is None


def test_json_carries_it_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"text": "\x1b[2J"})
    assert capsys.readouterr().out == '{"text":"\\u001b[2J"}\n'


def test_lines_of_the_relay_s_log_too() -> None:
    record = logging.LogRecord("ablo_pg", logging.INFO, "", 0, EVIL + "\nnext", (), None)
    clean = TextFormatter("%(message)s", lambda text: plain(text, lines=True)).format(record)
    assert OBEYED.search(clean) is None
    assert clean.endswith("\nnext")
