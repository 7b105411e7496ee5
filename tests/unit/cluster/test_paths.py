"""Folders, socket length and pid files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ablo_pg.cluster.paths import is_server_of, lay_out, read_pid_file, remove
from ablo_pg.cluster.user import ServerUser

ME = ServerUser("me")


def test_a_long_home_gets_a_short_socket_folder_that_is_removed_with_it(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 120)
    home.mkdir()
    paths = lay_out(home, ME)
    assert len(str(paths.socket)) < 60
    assert stat.S_IMODE(paths.socket.stat().st_mode) == 0o700
    remove(paths, keep_home=True)
    assert home.exists()
    assert not paths.socket.exists()


def test_an_existing_socket_folder_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "socket").mkdir(mode=0o777)
    paths = lay_out(tmp_path, ME)
    assert stat.S_IMODE(paths.socket.stat().st_mode) == 0o700
    remove(paths, keep_home=True)


def test_a_half_written_pid_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text("123\n/data\n")
    assert read_pid_file(tmp_path) is None


def test_a_pid_file_is_read(tmp_path: Path) -> None:
    text = "123\n/data\n1700000000\n5433\n/tmp/socket\n\n  1234  56\nready\n"
    (tmp_path / "postmaster.pid").write_text(text)
    known = read_pid_file(tmp_path)
    assert known is not None
    assert (known.pid, known.port, known.socket) == (123, 5433, Path("/tmp/socket"))


def test_a_reused_pid_is_not_taken_for_the_server(tmp_path: Path) -> None:
    assert not is_server_of(os.getpid(), tmp_path)
