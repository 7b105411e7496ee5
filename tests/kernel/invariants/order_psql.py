"""The psql writer of I1: scripts in a process of their own."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from ablo_pg.cluster import find_binaries

if TYPE_CHECKING:
    from .order_writers import Work

ROUND = """
begin isolation level {level};
update tasks set count = count + 1 where organization_id = '{one[0]}' and id = '{one[1]}';
savepoint s;
update tasks set title = 'undone' where organization_id = '{two[0]}' and id = '{two[1]}';
rollback to savepoint s;
insert into tasks (organization_id, id, title) values ('{one[0]}', '{new}', '{name}');
{end};
"""
COUNT = "select count(*) from tasks where title = '{name}';\n"
# What the others can do to a transaction, and what psql says of the statements after it.
EXPECTED = (
    "could not serialize",
    "deadlock detected",
    "current transaction is aborted",
    'savepoint "s" does not exist',
)


def psql(work: Work) -> None:
    """One script of all rounds; a transaction that fails ends as a rollback, and psql goes on."""
    script = "".join(
        ROUND.format(
            name=work.name,
            level=work.level.name.replace("_", " "),
            one=work.place(),
            two=work.place(),
            new=work.new(),
            end="rollback" if number % 4 == 3 else "commit",
        )
        for number in range(work.rounds)
    )
    run = subprocess.run(
        [_program(), "-XqAt", "-d", work.site.handle.admin_url],
        input=script + COUNT.format(name=work.name),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    work.landed += int(run.stdout.split()[-1])
    complaints = [line for line in run.stderr.splitlines() if "ERROR:" in line]
    assert [line for line in complaints if not any(part in line for part in EXPECTED)] == []


def _program() -> str:
    binaries = find_binaries()
    return shutil.which("psql", path=str(binaries.bin)) or "psql"
