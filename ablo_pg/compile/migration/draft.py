"""A migration while it is being planned: one model's part of it, and the shared parts.

Names before and after the switch differ if a field is renamed: checks and expand steps use
`ModelDraft.before`, everything later the new name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ablo_pg.compile.migration.facts import ColumnFacts, TableFacts
from ablo_pg.compile.migration.steps import AnyStep, Batches, Check
from ablo_pg.compile.names import ident, literal
from ablo_pg.compile.plan import Column, ModelPlan, SchemaPlan
from ablo_pg.schema.diff import Change
from ablo_pg.schema.problems import Problem

COUNTED: Final = 1000  # a check counts violating rows up to here


@dataclass(frozen=True, slots=True)
class MigrateOptions:
    """What a migration may do beyond what follows from the schema.

    renames: pairs (old, new) as `schema.diff` takes them. backfills: (model key, field) -> JSON
    value, for rows that have none, or one that is no longer allowed. drop: drop the columns and
    tables of fields and models that are no longer declared. rewrite: let a retype rewrite a large
    table while its writers wait. alter_adopted: let types, NOT NULLs, CHECKs, foreign keys and
    defaults of the schema hold for the columns of an application's table. force: change who may
    read and write which rows. Fields go by their JSON name or as their author spelt them.
    """

    renames: tuple[tuple[str, str], ...] = ()
    backfills: Mapping[tuple[str, str], object] = field(default_factory=dict)
    drop: bool = False
    rewrite: bool = False
    alter_adopted: bool = False
    force: bool = False


NO_OPTIONS: Final = MigrateOptions()


@dataclass(slots=True)
class Draft:
    """The parts that all models add to."""

    schema: SchemaPlan
    options: MigrateOptions
    checks: list[Check] = field(default_factory=list)
    expand: list[AnyStep] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    late: list[str] = field(default_factory=list)  # at the end of the switch
    backfill: list[AnyStep] = field(default_factory=list)
    contract: list[AnyStep] = field(default_factory=list)
    refusals: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    used: set[tuple[str, str]] = field(default_factory=set)  # backfills that found their field

    def refuse(self, model: str, name: str | None, message: str, remedy: str) -> None:
        """Refuse the migration; all refusals are reported together."""
        self.refusals.append(Problem("incompatible_change", model, name, message, remedy))


@dataclass(slots=True)
class ModelDraft:
    """One model whose table is in use: its new form, its old form, and the table as it is."""

    draft: Draft
    new: ModelPlan
    old: ModelPlan | None
    facts: TableFacts
    changes: tuple[Change, ...]
    moved: Mapping[str, str]  # new column name -> the column that it is renamed from

    @property
    def key(self) -> str:
        """The model's key."""
        return self.new.spec.key

    @property
    def table(self) -> str:
        """The quoted table."""
        return self.new.table

    def before(self, name: str) -> str:
        """Return the name that a column has before the switch."""
        return self.moved.get(name, name)

    def column(self, name: str) -> ColumnFacts | None:
        """Return the facts of a column under its new name, or None if it is missing."""
        return self.facts.columns.get(self.before(name))

    def kept(self, name: str) -> bool:
        """Whether a column belongs to an application, so that the migration leaves it as it is."""
        facts = self.column(name)
        theirs = self.facts.adopted and facts is not None and not facts.added
        return theirs and not self.draft.options.alter_adopted

    def keep(self, column: Column, what: str) -> bool:
        """Leave an application's column as it is, and note what the schema would have instead."""
        if self.kept(column.name):
            self.draft.notes.append(
                f"{self.key}.{column.wire}: the column {column.name} {what}, and stays as it is, "
                f"since {self.new.spec.table} belongs to {self.facts.owner}; --alter-adopted "
                "changes it"
            )
            return True
        return False

    def change(self, *statements: str) -> None:
        """Add statements to the switch, which lock the table."""
        self.draft.changes += statements
        if statements:
            self.draft.changed.add(self.key)

    def refuse(self, column: str | None, message: str, remedy: str) -> None:
        """Refuse the migration; column: its JSON name."""
        self.draft.refuse(self.key, column, message, remedy)

    def check(self, column: Column, where: str, message: str, remedy: str) -> None:
        """Check whether rows violate it; {count} in the message is how many."""
        self.check_rows(column.wire, where, message, remedy)

    def check_rows(self, part: str, where: str, message: str, remedy: str) -> None:
        """As `check`; part: the JSON name of a field, or the name of a check or an index."""
        rows = f"select from {self.table} t where {where} limit {COUNTED}"
        problem = Problem("incompatible_change", self.key, part, message, remedy)
        self.draft.checks.append(Check(f"select count(*) from ({rows}) x", problem))

    def given(self, column: Column) -> object:
        """Return the backfill value of a field, or None."""
        for name in self._spellings(column):
            if (self.key, name) in self.draft.options.backfills:
                self.draft.used.add((self.key, name))
                return self.draft.options.backfills[self.key, name]
        return None

    def _spellings(self, column: Column) -> set[str]:
        fields = self.new.spec.fields
        return {column.wire, *(each.name for each in fields if each.wire == column.wire)}

    def batches(self, title: str, sets: str, where: str, *, phase: str, debt: bool = False) -> Any:
        """Build the step that writes rows in pages, or None (and a refusal) without a key."""
        if not self.facts.key:
            self.refuse(
                None,
                "its table has no primary key, so its rows cannot be written in batches",
                f"alter table {self.table} add primary key (...), then run this again",
            )
            return None
        columns = [self.facts.columns[name].declared for name in self.facts.key]
        captured = "zz_ablo_capture" in self.facts.triggers or self.old is not None
        return Batches(
            "backfill" if phase == "backfill" else "contract",
            title,
            self.table,
            tuple(ident(name) for name in self.facts.key),
            tuple(columns),
            sets,
            where if not self.new.spec.claims_bind_sql else f"{where} and {self._unclaimed()}",
            self.facts.rows,
            grouped=captured and self.facts.key[0] == self.new.org.name,
            typename=self.new.spec.typename if debt else None,
        )

    def _unclaimed(self) -> str:
        """Skip claimed rows if claims bind plain SQL: we wait for them."""
        return (
            f"not exists (select from ablo.claim c where c.organization_id = t.{self.new.org.sql}"
            f" and c.model = {literal(self.new.spec.typename)}"
            f" and c.row_id = t.{self.new.id.sql}::text"
            " and c.status = 'active' and c.expires_at > clock_timestamp())"
        )
