"""Plans of the statements that a call really ran, nested ones too, as auto_explain tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg

from ablo_pg.testing import DatabaseHandle


def run(
    handle: DatabaseHandle, call: LiteralString, *, generic: bool = False
) -> list[dict[str, Any]]:
    """Run a call and roll it back; return the scans of all statements that it ran.

    generic: with plans that know no argument, as a session has them from about its sixth call on.
    """
    made = plans(handle, call, generic=generic)
    return [node for plan in made for node in nodes(plan) if is_scan(node)]


def plans(
    handle: DatabaseHandle, call: LiteralString, *, generic: bool = False
) -> list[dict[str, Any]]:
    """Run a call and roll it back; return the plan of each statement that it ran. See `run`."""
    notices: list[str] = []
    with psycopg.connect(handle.admin_url, autocommit=True) as conn:
        with conn.transaction(force_rollback=True):
            conn.execute(call)  # so that what it reads of the catalogue is not counted
        conn.execute(
            """load 'auto_explain';
               set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
               set auto_explain.log_analyze = on; set auto_explain.log_timing = off;
               set auto_explain.log_buffers = on;
               set auto_explain.log_format = json; set auto_explain.log_level = notice"""
        )
        if generic:
            conn.execute("set plan_cache_mode = force_generic_plan")
        conn.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        with conn.transaction(force_rollback=True):
            conn.execute(call)
    told = [json.loads(text[text.index("{") :]) for text in notices if "plan:" in text]
    return [one["Plan"] for one in told]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def is_scan(node: dict[str, Any]) -> bool:
    return "Relation Name" in node and node["Node Type"] != "ModifyTable"


def rows_read(scan: dict[str, Any]) -> int:
    """How many rows a scan has fetched, whether it kept them or not, in all its loops."""
    rows = float(scan.get("Actual Rows", 0)) + float(scan.get("Rows Removed by Filter", 0))
    return round(rows * int(scan.get("Actual Loops", 1)))


def pages_read(scan: dict[str, Any]) -> int:
    """How many pages a scan has touched: entries of an index that it passed over show here only."""
    return int(scan["Shared Hit Blocks"]) + int(scan["Shared Read Blocks"])
