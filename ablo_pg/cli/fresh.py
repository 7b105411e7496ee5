"""Load a schema in a separate process: `python -m ablo_pg.cli.fresh TARGET` writes it as JSON.

A watcher reads a file again after each save. Python keeps modules, and an author's file may do
anything while it is imported (fail, hang, exit). A separate process contains all of that.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import orjson

from ablo_pg.errors import error_for
from ablo_pg.schema import SchemaSpec, dump_schema_json, parse_schema_json

# An imported file only declares. A false alarm costs another save.
LOAD_SECONDS: Final = 30


def load_fresh(target: str) -> SchemaSpec:
    """Load TARGET as it is now; raises as `target.load_target`, and if it hangs."""
    command = [sys.executable, "-m", __name__, target]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LOAD_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise error_for(
            "schema_definition_invalid",
            f"{target} was not imported within {LOAD_SECONDS} s",
            remedy="the file must only declare: no input, no loops, no network",
        ) from None
    try:
        told = orjson.loads(done.stdout.rpartition(b"\x1e")[2])
    except orjson.JSONDecodeError:
        end = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise error_for(
            "schema_definition_invalid",
            f"{target} ended the process that imported it: {''.join(end)[:300]}",
            remedy="the file must only declare; `python FILE` shows what it does",
        ) from None
    if "error" in told:
        raise error_for(**told["error"])
    return parse_schema_json(told["schema"])


def tell(target: str) -> None:
    """Write the schema, or the error, to stdout after a mark, because the file may print too."""
    from ablo_pg.cli.target import load_target
    from ablo_pg.errors import AbloError

    try:
        told = {"schema": dump_schema_json(load_target(target))}
    except AbloError as exc:
        context = {"model": exc.model, "field": exc.field, "remedy": exc.remedy}
        told = {"error": {"code": exc.code, "message": exc.message, **context}}
    sys.stdout.buffer.write(b"\x1e" + orjson.dumps(told))


if __name__ == "__main__":
    tell(sys.argv[1])
