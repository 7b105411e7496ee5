"""A dump that is restored into an empty database goes on where it stood; see operations.md."""

from __future__ import annotations

import subprocess

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.cluster import Cluster, Server
from ablo_pg.testing import DatabaseHandle

COMMIT = """select ablo.commit('acme', 'user:ann', %s, '{"operations": [{"action": "create",
            "model": "tasks", "id": "t", "data": {"title": "x", "status": "todo"}}]}')"""


def test_dump_and_restore(
    cluster: Server, app_db: DatabaseHandle, capsys: pytest.CaptureFixture[str]
) -> None:
    if not isinstance(cluster, Cluster):
        pytest.skip("needs the programs of the server")
    with psycopg.connect(app_db.database_url, autocommit=True) as conn:
        first = conn.execute(COMMIT, ["k1"]).fetchone()
    command = [cluster.binaries.program("pg_dump"), app_db.admin_url]
    dump = subprocess.run(command, check=True, capture_output=True).stdout
    name = cluster.create_database()
    try:
        url = cluster.url(name)
        restore = [cluster.binaries.program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", url]
        subprocess.run(restore, input=dump, check=True, capture_output=True)
        with psycopg.connect(url, autocommit=True) as conn:
            assert conn.execute(COMMIT, ["k1"]).fetchone() == first  # a replay, not a second row
            assert conn.execute("select count(*) from tasks").fetchone() == (1,)
            query = "select sync_id from ablo.delta where organization_id = 'acme' order by 1"
            conn.execute("update tasks set title = 'y'")
            ids = [sync_id for (sync_id,) in conn.execute(query)]
            assert len(ids) == 2
            assert ids[0] < ids[1]
        assert run(["doctor", "--admin-url", url]) == 0
    finally:
        cluster.drop_database(name)
