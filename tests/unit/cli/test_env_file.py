"""Reading and writing .env: only our names, other lines stay, passwords stay private."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ablo_pg.cli.env_file import parse_env, read_env_file, write_env


def test_only_our_names_are_read_and_the_environment_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "ABLO_API_KEY='sk_x'\nPATH=/evil\nABLO_API_URL=http://file # here\nLD_PRELOAD=x\n"
    )
    for name in ("ABLO_API_KEY", "LD_PRELOAD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ABLO_API_URL", "http://given")
    monkeypatch.setenv("PATH", "/bin")
    read_env_file(path)
    import os

    assert os.environ["ABLO_API_KEY"] == "sk_x"
    assert os.environ["ABLO_API_URL"] == "http://given"
    assert os.environ["PATH"] == "/bin"
    assert "LD_PRELOAD" not in os.environ
    monkeypatch.delenv("ABLO_API_KEY")


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"", b"no equals sign\n=x\n"])
def test_what_is_no_env_file_says_nothing(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / ".env"
    path.write_bytes(raw)
    assert parse_env(path) == {}
    assert parse_env(tmp_path / "missing") == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_of_any_editor_is_read_and_goes_on_being_read(
    tmp_path: Path, encoding: str, end: str
) -> None:
    path = tmp_path / ".env"
    text = f"ABLO_API_KEY=a\u2028b{end}OTHER=1{end}"
    if encoding == "utf-16-be-sig":
        path.write_bytes(b"\xfe\xff" + text.encode("utf-16-be"))
    else:
        path.write_bytes(text.encode(encoding))
    assert parse_env(path) == {"ABLO_API_KEY": "a\u2028b", "OTHER": "1"}
    write_env({"ABLO_API_KEY": "b"}, path)
    assert parse_env(path) == {"ABLO_API_KEY": "b", "OTHER": "1"}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("K='v' # why", "v"),
        ('export K="v#1"\t# why', "v#1"),
        ("K=v\t# why", "v"),
        ("K= # why", ""),
        ("K=#1", "#1"),
        ("K=postgresql://u:p#x@h/d", "postgresql://u:p#x@h/d"),
        ('K="a\\"b # \\\\c"', 'a"b # \\c'),
        (r"K='a\b'", r"a\b"),
        ('K="a\nb"', "a\nb"),
        ("HOST=h\nK=postgresql://${HOST}/d", "postgresql://h/d"),
        ("HOST=h\nK=postgresql://${NOWHERE:-x}/$HOST", "postgresql://x/$HOST"),
    ],
)
def test_quotes_comments_and_references_are_those_of_python_dotenv(
    tmp_path: Path, line: str, value: str
) -> None:
    path = tmp_path / ".env"
    path.write_text(line + "\n")
    assert parse_env(path)["K"] == value


def test_a_quote_that_does_not_end_is_reported_and_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / ".env"
    path.write_text('OTHER=1\nK="v\nLAST=2\n')
    assert parse_env(path) == {"OTHER": "1", "LAST": "2"}
    assert "line 2" in caplog.text
    write_env({"OTHER": "3"}, path)
    assert path.read_text() == 'OTHER=3\nK="v\nLAST=2\n'


def test_a_line_inside_a_value_of_several_lines_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text('PEM="a\nABLO_API_KEY=part of it\nb"\n\n# ours\n\nABLO_API_KEY=old')
    assert parse_env(path)["ABLO_API_KEY"] == "old"
    write_env({"ABLO_API_KEY": "new"}, path)
    assert path.read_text() == (
        'PEM="a\nABLO_API_KEY=part of it\nb"\n\n# ours\n\nABLO_API_KEY=new\n'
    )


def test_bytes_of_another_encoding_survive(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"# caf\xe9\nABLO_API_KEY=a\n")
    write_env({"ABLO_API_KEY": "b"}, path)
    assert path.read_bytes() == b"# caf\xe9\nABLO_API_KEY=b\n"


def test_writing_keeps_everything_else(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nOTHER=1\nexport ABLO_API_KEY=old\nABLO_API_KEY=older\nLAST=2\n")
    assert write_env({"ABLO_API_KEY": "new", "DATABASE_URL": "postgresql:///x"}, path) == [
        "ABLO_API_KEY",
        "DATABASE_URL",
    ]
    assert path.read_text() == (
        "# mine\nOTHER=1\nABLO_API_KEY=new\nABLO_API_KEY=new\nLAST=2\nDATABASE_URL=postgresql:///x\n"
    )
    assert write_env({"ABLO_API_KEY": "new"}, path) == []


def test_a_new_file_is_its_owners_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    write_env({"ABLO_API_KEY": "a"}, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    write_env({"ABLO_API_KEY": "b"}, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]
