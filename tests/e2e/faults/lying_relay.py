"""`ablo-pg` with a /ready that lies, in one way or the other: mutants to be caught, as a script."""

from __future__ import annotations

import sys
from typing import Any

from ablo_pg.cli.main import run
from ablo_pg.relay.http import health_routes
from ablo_pg.relay.http.answers import JsonBytes, json_answer

last: list[Any] = []  # the body that a liar sticks to


def boasts(body: Any, status: int = 200) -> JsonBytes:
    """Ready for good, once it was."""
    if body["status"] == "ready":
        last[:] = [body]
    return json_answer(last[0]) if last else json_answer(body, status)


def sulks(body: Any, status: int = 200) -> JsonBytes:
    """Not ready for good, once it was ready and then was not."""
    if len(last) < 2 and (body["status"] == "ready") != bool(last):  # ready, then not
        last.append(body)
    return json_answer(last[1], 503) if len(last) > 1 else json_answer(body, status)


if __name__ == "__main__":
    vars(health_routes)["json_answer"] = {"boasts": boasts, "sulks": sulks}[sys.argv[1]]
    sys.exit(run(sys.argv[2:]))
