"""A cluster of our own: it starts as any user, survives crashes, and leaves nothing behind."""

from __future__ import annotations

import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ablo_pg.cluster import Binaries, Cluster, ClusterSettings, find_binaries
from ablo_pg.cluster.user import ServerUser, reachable_binaries
from ablo_pg.errors import AbloServerError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs to start as root")


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    """A folder for a kept cluster; what root keeps elsewhere for it is removed too."""
    folder = tmp_path / "kept"
    yield folder
    shutil.rmtree(home_of(folder), ignore_errors=True)


def home_of(folder: Path) -> Path:
    location = folder / "location"
    return Path(location.read_text().strip()) if location.exists() else folder


def wait_until_gone(pid: int) -> None:
    """Wait for the end of a process that is not our child, without polling."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ready, _, _ = select.select([handle], [], [], 15)
    os.close(handle)
    assert ready, f"process {pid} still runs"


def test_a_throwaway_cluster_is_private_and_gone_after_stop() -> None:
    with Cluster() as cluster:
        home, pid = cluster.paths.home, cluster.pid
        assert pid is not None
        assert stat.S_IMODE(cluster.paths.socket.stat().st_mode) == 0o700
        assert stat.S_IMODE(cluster.paths.data.stat().st_mode) == 0o700
        with psycopg.connect(cluster.admin_url) as conn:
            row = conn.execute("select current_setting('wal_level')").fetchone()
        assert row == ("logical",)
    assert not home.exists()
    wait_until_gone(pid)


@as_root
def test_started_by_root_the_server_runs_as_somebody_else() -> None:
    with Cluster() as cluster:
        assert cluster.pid is not None
        assert os.stat(f"/proc/{cluster.pid}").st_uid not in (0, os.geteuid())


def test_a_kept_cluster_keeps_its_rows_and_recovers_from_a_crash(kept: Path) -> None:
    with Cluster(kept) as cluster:
        with psycopg.connect(cluster.admin_url) as conn:
            conn.execute("create table t as select 1 as a")
        pid = cluster.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until_gone(pid)
    # The pid file is still there, and by now its pid may be anybody's: ours, for the test.
    pid_file = home_of(kept) / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with Cluster(kept) as again, psycopg.connect(again.admin_url) as conn:
        assert conn.execute("select a from t").fetchall() == [(1,)]


def test_a_kept_cluster_that_runs_is_shared_and_not_stopped_by_the_second(kept: Path) -> None:
    settings = ClusterSettings(durable=False)
    with Cluster(kept, settings=settings) as first:
        with Cluster(kept, settings=settings) as second:
            assert second.pid == first.pid
        with psycopg.connect(first.admin_url) as conn:
            assert conn.execute("select 1").fetchone() == (1,)


def test_kill_9_of_the_maker_leaves_no_server_and_no_files() -> None:
    program = (
        "import sys\n"
        "from ablo_pg.cluster import Cluster\n"
        "with Cluster() as c:\n"
        "    print(c.pid, c.paths.home, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as maker:
        assert maker.stdout is not None
        pid, home = maker.stdout.readline().split()
        guard = wait_for_guard(pid)
        maker.kill()
    wait_until_gone(int(pid))
    wait_until_gone(guard)
    assert not Path(home).exists()


def wait_for_guard(pid: str) -> int:
    """The guard process of the server with that pid, by its command line.

    A process that is still inside execve shows an empty command line, so one look may miss it.
    """
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"ablo-pg-guard" in words and pid.encode() in words:
                return int(folder.name)
        time.sleep(0.01)
    raise AssertionError("the server has no guard")


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(AbloServerError) as caught:
        Cluster(settings=ClusterSettings(extra={"shared_buffers": "nonsense"})).start()
    assert caught.value.code == "embedded_postgres_unavailable"
    assert any("shared_buffers" in line for line in caught.value.details["log"])


def test_a_killed_server_starts_again_with_what_was_committed() -> None:
    settings = ClusterSettings(durable=True)
    with Cluster(settings=settings) as cluster:
        with psycopg.connect(cluster.admin_url) as conn:
            conn.execute("create table t as select 1 as a")
        first = cluster.pid
        cluster.kill()
        assert cluster.pid is None
        cluster.restart()
        assert cluster.pid not in (None, first)
        with psycopg.connect(cluster.admin_url) as conn:
            assert conn.execute("select a from t").fetchall() == [(1,)]
        cluster.restart()
        psycopg.connect(cluster.admin_url).close()


def test_tcp_takes_only_passwords() -> None:
    with Cluster(settings=ClusterSettings(durable=False, tcp_port=0)) as cluster:
        assert cluster.tcp_url is not None
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(cluster.tcp_url, user="postgres", connect_timeout=30)


@as_root
def link(source: str, target: str) -> None:
    """Link a file, which takes no time; copy it where it lies on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def test_binaries_out_of_reach_are_copied_once_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment under /root: nobody can enter it, and its modes stay as they are."""
    original = find_binaries("embedded")
    if original.parts_root is None:
        pytest.skip("no packaged binaries are installed")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for part in original.parts:
        shutil.copytree(original.parts_root / part, closed / part, True, copy_function=link)
    hidden = Binaries(
        original.provider,
        closed / original.bin.relative_to(original.parts_root),
        original.major,
        closed,
        original.parts,
    )
    cache = Path("/var/tmp") / f"ablo-pg-test-{os.getpid()}"
    monkeypatch.setattr("ablo_pg.cluster.user.CACHE_FOLDERS", (str(cache),))
    try:
        with Cluster(binaries=hidden) as cluster, psycopg.connect(cluster.admin_url) as conn:
            assert conn.execute("select 1").fetchone() == (1,)
            assert cluster.binaries.bin.is_relative_to(cache)
        again = reachable_binaries(hidden, ServerUser("nobody", 65534, 65534))
        assert again.bin == cluster.binaries.bin
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        shutil.rmtree(cache, ignore_errors=True)
