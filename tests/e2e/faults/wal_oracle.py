"""What really happened, found another way than the relay's: WAL by `test_decoding`, and SELECT.

The relay decodes pgoutput's binary messages; this reads the text of another output plugin, through
SQL, from a slot of its own, and shares no code with the package.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, NamedTuple, Self

import psycopg
from psycopg import sql

ORGANIZATION: Final = "acme"
SLOT: Final = "faults_oracle"
CREATE: Final = "select pg_create_logical_replication_slot(%s, 'test_decoding')"
READ: Final = """
select data from pg_logical_slot_get_changes(%s, null, null, 'include-xids', '0',
                                             'skip-empty-xacts', '1')"""
ROWS: Final = """
select id, title from tasks where organization_id = 'acme' and id not like 'seed%%'"""
LOG: Final = """
select sync_id, op, row_id, "row" ->> 'title' from ablo.delta
 where organization_id = 'acme' and sync_id > %s order by sync_id"""
CREATE_EXPORTING: Final = f"CREATE_REPLICATION_SLOT {SLOT} LOGICAL test_decoding EXPORT_SNAPSHOT"
# The server ends what uses the slot (a restart, a killed reader) before it can be dropped.
DROP: Final = """
select pg_drop_replication_slot(slot_name) from pg_replication_slots
 where slot_name = %s and not active"""

# table public.tasks: INSERT: id[text]:'t1' organization_id[text]:'acme' "row"[json]:'{"a": ''b''}'
LINE: Final = re.compile(r"table ([\w.]+): (INSERT|UPDATE|DELETE): (.*)", re.DOTALL)
COLUMN: Final = re.compile(
    r"""(?:^|\ )("?)(\w+)\1\[.*?\]: (?: '((?:[^']|'')*)' | (\S+) )""", re.DOTALL | re.VERBOSE
)


class Change(NamedTuple):
    """A delta as far as it is compared: who received it, and who read the WAL, must agree."""

    id: int
    op: str
    row: str
    title: str | None


@dataclass
class Truth:
    """The log, the rows that the log's tables end with, and what the WAL says twice over."""

    deltas: list[Change] = field(default_factory=list)
    rows: dict[str, str] = field(default_factory=dict)
    selected: dict[str, str] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)

    def note(self, line: str) -> None:
        """Take in one line of the plugin's."""
        found = LINE.fullmatch(line)
        if found is None:  # BEGIN, COMMIT
            return
        table, action, text = found.groups()
        if table == "public.tasks":
            values = columns(text)
            if values["organization_id"] == ORGANIZATION:  # else a witness's
                self._row(action, values)
        elif table.startswith("ablo.delta") and action == "INSERT":
            self._delta(columns(text))

    def _row(self, action: str, values: dict[str, str | None]) -> None:
        row = values["id"] or ""
        if action == "DELETE":
            self.rows.pop(row)
            return
        if action == "INSERT":
            self.created.append(row)
        self.rows[row] = values["title"] or ""

    def _delta(self, values: dict[str, str | None]) -> None:
        if values["organization_id"] != ORGANIZATION:  # a relay's canary
            return
        row = json.loads(values["row"] or "null")
        self.deltas.append(
            Change(
                int(values["sync_id"] or 0),
                values["op"] or "",
                values["row_id"] or "",
                row and row["title"],
            )
        )


def columns(text: str) -> dict[str, str | None]:
    """Return a line's columns as text; of an update, the new ones."""
    found = COLUMN.finditer(text)
    return {
        each[2]: each[3].replace("''", "'")
        if each[3] is not None
        else None
        if each[4] == "null"
        else each[4]
        for each in found
    }


class WalOracle:
    """A slot of its own, from before the first write."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._truth = Truth()

    def __enter__(self) -> Self:
        with psycopg.connect(self._admin_url, autocommit=True) as conn:
            conn.execute(CREATE, [SLOT])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._drop()

    def read(self) -> Truth:
        """Decode everything since the slot was made; nobody may be writing."""
        self._decode()
        with psycopg.connect(self._admin_url, autocommit=True) as conn:
            self._truth.selected = dict(conn.execute(ROWS).fetchall())
        return self._truth

    def leave(self) -> None:
        """Decode, and drop the slot: a server without logical decoding does not start over one."""
        self._decode()
        self._drop()

    def come_back(self) -> None:
        """Decode again from here on.

        What lies between is told by SELECT, as of the very moment at which the new slot begins: the
        log for the deltas, the table for the rows that they have to make.
        """
        truth = self._truth
        with psycopg.connect(self._admin_url, autocommit=True, replication="database") as maker:
            made = maker.execute(CREATE_EXPORTING.encode()).fetchone()
            assert made is not None
            with psycopg.connect(self._admin_url) as conn:
                conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                conn.execute(sql.SQL("set transaction snapshot {}").format(made[2]))
                last = truth.deltas[-1].id if truth.deltas else 0
                truth.deltas += [Change(*found) for found in conn.execute(LOG, [last])]
                rows: dict[str, str] = dict(conn.execute(ROWS).fetchall())
        truth.created += [row for row in rows if row not in truth.rows]
        truth.rows = rows

    def _decode(self) -> None:
        with psycopg.connect(self._admin_url, autocommit=True) as conn:
            # Row by row: a transaction may be larger than memory.
            for (line,) in conn.cursor().stream(READ, [SLOT]):
                self._truth.note(line)

    def _drop(self) -> None:
        with psycopg.connect(self._admin_url, autocommit=True) as conn:
            conn.execute(DROP, [SLOT])
