"""How long 200 models take to compile. Yardstick: the real Postgres parser on their SQL.

python -m bench.compile [--models 200] [--fields 20] [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import pglast

from ablo_pg.compile import compile_schema
from ablo_pg.schema import parse_schema_json

from .figures import figure, rates

TYPES = ("string", "number", "boolean", "date", "json")


def pushed(models: int, fields: int) -> dict[str, Any]:
    """Return a schema as another language pushes it."""
    columns = {
        f"field{n}": {"type": TYPES[n % len(TYPES)], "isOptional": n % 2 == 0, "isIndexed": n < 2}
        for n in range(fields)
    }
    return {"v": 3, "models": {f"model{n}": {"fields": columns} for n in range(models)}}


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    """Compile, parse, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--fields", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    spec = parse_schema_json(pushed(options.models, options.fields))
    text = compile_schema(spec).sql
    own = [seconds(lambda: compile_schema(spec)) for _ in range(options.rounds)]
    yardstick = [seconds(lambda: pglast.parse_sql(text)) for _ in range(options.rounds)]
    value = statistics.median(own)
    figure(
        f"compile, {options.models} models of {options.fields} fields",
        value,
        "s",
        ratio=value / statistics.median(yardstick),
        yardstick="pglast.parse_sql of the output",
        megabytes=len(text) / 1e6,
        **rates(own),
    )


if __name__ == "__main__":
    main()
