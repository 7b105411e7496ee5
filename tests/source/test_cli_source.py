"""ablo-pg source: the check over HTTP, and the tables."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.source import TABLES, Begin, Endpoint, SqlAdapter
from ablo_pg.source.conformance import Caller, Failed

from .conftest import KEY, SCHEMA

Captured = pytest.CaptureFixture[str]


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


class Threads(WSGIServer):
    def process_request(self, request: Any, client_address: Any) -> None:
        work = threading.Thread(target=self._serve, args=(request, client_address))
        work.start()

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        finally:
            self.shutdown_request(request)


@pytest.fixture
def address(pool: Begin) -> Iterator[str]:
    endpoint = Endpoint(SqlAdapter(SCHEMA, pool), api_key=KEY)
    server = make_server("127.0.0.1", 0, endpoint.wsgi, server_class=Threads, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/ablo"
    server.shutdown()
    thread.join()
    server.server_close()


def arguments(address: str, *more: str) -> list[str]:
    return ["source", "check", address, "--api-key", KEY, *more]


@pytest.mark.way("source check", "happy", "json", "headless")
def test_an_endpoint_is_checked(address: str, capsys: Captured) -> None:
    assert run(arguments(address)) == 0
    told = capsys.readouterr()
    assert "no event is skipped" in told.out
    assert "conforms: 17 of 17 checks passed" in told.err
    assert run(arguments(address, "--organization", "acme", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["conforms"] is True
    assert len(found["results"]) == 17
    done = subprocess.run(
        [sys.executable, "-m", "ablo_pg", *arguments(address)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        env={**os.environ, "TERM": "dumb"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.way("source check", "worst")
def test_an_endpoint_that_does_not_conform_is_told(
    address: str, capsys: Captured, conn: psycopg.Connection[Any]
) -> None:
    assert run(arguments(address, "--model", "nope")) == 1
    told = capsys.readouterr()
    assert "FAILED" in told.out
    assert "there is no model 'nope' here" in told.out
    assert "does not conform" in told.err
    assert run(["source", "check", address, "--api-key", "wrong", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["conforms"] is False
    assert "source_signature_invalid" in found["results"][0]["problem"]
    assert run(arguments("http://127.0.0.1:1/ablo")) == 1
    assert "cannot be reached" in capsys.readouterr().out
    for row in ("{}", "[1]", "{", '"x"'):
        assert run(arguments(address, "--row", row)) == 1
        assert "--row is not a JSON object" in capsys.readouterr().err
    assert run(["source", "check"]) == 2


@pytest.mark.way("source tables", "happy", "json", "headless", "worst")
def test_the_tables_are_printed(capsys: Captured) -> None:
    assert run(["source", "tables"]) == 0
    assert capsys.readouterr().out.strip() == TABLES.strip()
    assert run(["source", "tables", "--nope"]) == 2


def test_what_is_no_address_is_refused(capsys: Captured) -> None:
    for url in ("ftp://owner.example/ablo", "owner.example/ablo", "http://"):
        assert run(arguments(url)) == 1
        told = capsys.readouterr().err
        assert "[invalid_options]" in told
        assert "http://localhost:8000/ablo" in told


def test_an_answer_that_is_no_endpoints_names_its_status() -> None:
    for status, text in ((307, "redirect (307)"), (404, "(404) is not JSON")):
        caller = Caller("", KEY, send=lambda body, headers, status=status: (status, b"<html>"))
        with pytest.raises(Failed, match=re.escape(text)):
            caller.ask("events")
