"""The steps of a migration, as frozen values that know their SQL. Pure.

Phases, in order: expand (the running functions do not notice it), switch (one transaction, in which
the new schema becomes the active one), backfill (rows get values, in batches), contract (declares
the new constraints). Up to the switch a step can be undone; from then on running the migration
again resumes where it stopped, since every step but the switch follows from the tables' state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ablo_pg.compile.names import array_text, dollar, indent, literal, text_array
from ablo_pg.schema.problems import Problem

Phase: TypeAlias = Literal["expand", "switch", "backfill", "contract"]
PHASES: Final[tuple[Phase, ...]] = ("expand", "switch", "backfill", "contract")
# Order locks that one batch may take at its commit; beyond 64 a transaction takes the gate of all.
ORGANIZATIONS: Final = 50


@dataclass(frozen=True, slots=True)
class Check:
    """A condition that the rows must fulfil before anything is changed.

    sql returns how many rows violate it (counted up to a limit); problem describes them, with
    {count} in its message. A failing cast counts as one.
    """

    sql: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class Step:
    """Statements that run together in one transaction, under a lock timeout, with retries.

    tables: how many tables they lock. undo: reverts them, before the switch. short_from: the
    statement from which writers wait, so that the rest must be short; None if it may be long.
    unless: the query for how many rows violate it: if any, the step is skipped.
    """

    phase: Phase
    title: str
    statements: tuple[str, ...]
    tables: int = 1
    undo: tuple[str, ...] = ()
    short_from: int | None = None
    unless: str = ""

    @property
    def sql(self) -> str:
        """The step for psql."""
        body = "\n".join(self.statements)
        return f"begin;\nset local lock_timeout = '400ms';\n{body}\ncommit;"


@dataclass(frozen=True, slots=True)
class Alone:
    """One statement that Postgres runs outside a transaction, blocking no writers.

    broken: drops what a failure leaves behind (an index that is not valid).
    """

    phase: Phase
    title: str
    statement: str
    broken: str = ""
    undo: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """The step for psql."""
        return self.statement


@dataclass(frozen=True, slots=True)
class Batches:
    """Rows that are written in pages along the primary key, one short transaction per page.

    A page never waits for a row: locked rows are left for the next round. If changes are captured,
    each written row produces its delta, as any other change does.

    table, key: quoted; types: of the key's columns. sets and where refer to the row as t. rows:
    about how many there are. grouped: the key begins with the organization. typename: of the model
    whose debt (`ablo.migration_debt`) is cleared when all is written.
    """

    phase: Phase
    title: str
    table: str
    key: tuple[str, ...]
    types: tuple[str, ...]
    sets: str
    where: str
    rows: int
    grouped: bool = True
    typename: str | None = None

    @property
    def sql(self) -> str:
        """The step for psql: a loop that commits each page."""
        page = indent(self.page("v_at", 500, into="v_done, v_page, v_at"), 4)
        keep = "    perform set_config('ablo.keep_updated_at', 'on', true);\n"
        kept = keep if self.typename else ""
        body = (
            f"\n#variable_conflict use_variable\ndeclare\n  v_at text[] := ({self.first});\n"
            "  v_done bigint;\n  v_page bigint;\nbegin\n  while v_at is not null loop\n"
            f"{kept}{page}\n    commit;\n    exit when v_page < 2;\n  end loop;\nend\n"
        )
        return f"do {dollar(body)};" + ("\n" + self.paid).rstrip()

    @property
    def first(self) -> str:
        """The query for the key of the first row, as text[]."""
        columns = ", ".join(f"t.{column}::text" for column in self.key)
        order = ", ".join(f"t.{column}" for column in self.key)
        return f"select array[{columns}] from {self.table} t order by {order} limit 1"

    @property
    def left(self) -> str:
        """The query for how many rows, up to a thousand, still have to be written."""
        return f"select count(*) from (select from {self.table} t where {self.where} limit 1000) x"

    @property
    def paid(self) -> str:
        """The statement that records its completion, or nothing."""
        if self.typename is None:
            return ""
        return f"delete from ablo.migration_debt where typename = {literal(self.typename)};"

    def page_from(self, at: tuple[str, ...], limit: int) -> str:
        """Return `page` for a key as returned by `first` and the previous page."""
        return self.page(f"{literal(array_text(at))}::text[]", limit)

    def page(self, at: str, limit: int, *, into: str = "") -> str:
        """Write one page from the key `at` on, that row included.

        Returns rows written, rows looked at, and the last key of the page.
        """
        keys = ", ".join(self.key)
        own = ", ".join(f"t.{column}" for column in self.key)
        bounds = ", ".join(f"({at})[{n}]::{type_}" for n, type_ in enumerate(self.types, 1))
        last = ", ".join(f"f.{column}::text" for column in self.key)
        backwards = ", ".join(f"f.{column} desc" for column in self.key)
        same = " and ".join(f"t.{column} = c.{column}" for column in self.key)
        few = "select p.* from page p"
        if self.grouped:
            one = f"q.{self.key[0]}"
            first = f"select distinct {one} from page q order by {one} limit {ORGANIZATIONS}"
            few += f" where p.{self.key[0]} in ({first})"
        target = f" into {into}" if into else ""
        return f"""\
with page as (
  select {own} from {self.table} t where ({own}) >= ({bounds}) order by {own} limit {limit}
), few as (
  {few}
), chosen as (
  select {own} from {self.table} t join few using ({keys})
  where {self.where}
  for update of t skip locked
), done as (
  update {self.table} t set {self.sets} from chosen c where {same} returning 1
)
select (select count(*) from done), (select count(*) from few),
  (select array[{last}] from few f order by {backwards} limit 1){target};"""


AnyStep: TypeAlias = Step | Alone | Batches


@dataclass(frozen=True, slots=True)
class RoleAccess:
    """A role with access to an adopted table, how, and what changes for it."""

    table: str
    role: str
    by: str
    rights: tuple[str, ...]
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """A migration as data: preconditions, then steps in order.

    tables: quoted names of those in use. refusals: those that follow from the schemas alone. notes:
    sentences on what will not be done, or will be noticed. roles: who has access to tables of
    applications, and what changes for them.
    """

    hash: str
    checks: tuple[Check, ...]
    steps: tuple[AnyStep, ...]
    tables: tuple[str, ...] = ()
    refusals: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    roles: tuple[RoleAccess, ...] = ()

    @property
    def sql(self) -> str:
        """The plan as a script for psql (not in one transaction: see the phases)."""
        parts = ["\n".join(_comment(note) for note in self.notes)] if self.notes else []
        parts += [
            f"-- {number}. {step.phase}: {step.title}\n{step.sql}"
            for number, step in enumerate(self.steps, 1)
        ]
        return "\n\n".join(parts) + "\n"


def _comment(note: str) -> str:
    return "-- note: " + note.replace("\n", "\n--   ")


def debt(typename: str) -> str:
    """Record that a model's rows must be written once after this transaction."""
    return (
        "insert into ablo.migration_debt (typename) values "
        f"({literal(typename)})\n  on conflict (typename) do update set since = 'infinity';"
    )


def drop_functions(names: tuple[str, ...]) -> str:
    """Drop the functions of removed models, whatever their arguments."""
    body = f"""
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid from pg_catalog.pg_proc p
    where p.pronamespace = 'ablo_model'::regnamespace and p.proname = any ({text_array(names)})
  loop
    execute format('drop function %s', v_function);
  end loop;
end
"""
    return f"do {dollar(body)};"
