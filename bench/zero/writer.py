"""Who writes: plain single-row UPDATE transactions, as any program makes them.

At a pace, a process of its own stamps each title with the monotonic clock (one for the whole
machine) just before it sends it. Flat out, backends update in a loop of their own, so that no
client takes the CPU, and without waiting for the disk, so that it does not set the pace; each ends
with a mark on a row that only it writes.

    python -m bench.zero.writer URL COUNT RATE
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final, LiteralString

import psycopg

ORGANIZATION: Final = "acme"
OTHER: Final = "globex"  # whose rows nobody may see
ROWS: Final = 1000  # of each organization

FILL: Final = """
insert into public.tasks (id, organization_id, created_by, title, status)
select 'r' || n, organization, 'user:bench', 'first', 'todo'
  from unnest(%s::text[]) organization, generate_series(0, %s::int - 1) n"""
UPDATE: Final = """
update public.tasks set title = %s, updated_at = clock_timestamp()
 where organization_id = %s and id = %s"""
LOOP: Final[LiteralString] = """
create procedure public.bench_write(p_organization text, p_writer int, p_count int)
language plpgsql as $$
declare
  v_rows constant text := 'r' || (p_writer + 1);
begin
  for v_n in 2 .. p_count loop
    update public.tasks set title = 'flat' || v_n, updated_at = clock_timestamp()
     where organization_id = p_organization and id = v_rows || (v_n % 100);
    commit;
  end loop;
  update public.tasks set title = 'end' || p_writer, updated_at = clock_timestamp()
   where organization_id = p_organization and id = 'r' || p_writer;
end $$"""


def fill(url: str) -> None:
    """Make both organizations' rows, and what writes flat out."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(FILL, ([ORGANIZATION, OTHER], ROWS))
        conn.execute(LOOP)


async def write_at(url: str, count: int, rate: float) -> dict[int, int]:
    """Write so many at that pace, from another process; return stamps and when commits returned."""
    command = (sys.executable, "-m", "bench.zero.writer", url, str(count), str(rate))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the writer failed")
    pairs = (line.split() for line in printed.splitlines())
    return {int(stamp): int(returned) for stamp, returned in pairs}


async def write_flat_out(url: str, writers: int, count: int) -> None:
    """Let each of so many backends make so many changes, as fast as it can."""

    async def one(writer: int) -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
            await conn.execute("set synchronous_commit = off")
            call = "call public.bench_write(%s, %s::int, %s::int)"
            await conn.execute(call, (ORGANIZATION, writer, count))

    await asyncio.gather(*(one(writer) for writer in range(writers)))


def main() -> None:
    """Write at a pace; print each stamp and when its commit had returned."""
    url, count, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    with psycopg.connect(url, autocommit=True) as conn:
        begin = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, begin + number / rate - time.monotonic()))
            stamp = time.monotonic_ns()
            conn.execute(UPDATE, (str(stamp), ORGANIZATION, f"r{number % ROWS}"))
            print(stamp, time.monotonic_ns())


if __name__ == "__main__":
    main()
