"""Migrations of tables with rows and live writers, as plans: expand, switch, backfill, contract.

Flow: `db.migrate` reads the catalogue -> `plan_migration` -> `kernel.migrate` runs the steps. Pure.
"""

from ablo_pg.compile.migration.draft import NO_OPTIONS, MigrateOptions
from ablo_pg.compile.migration.facts import TableFacts, place, place_of
from ablo_pg.compile.migration.plan import Before, plan_migration
from ablo_pg.compile.migration.steps import (
    Alone,
    AnyStep,
    Batches,
    Check,
    MigrationPlan,
    Phase,
    RoleAccess,
    Step,
)

__all__ = [
    "NO_OPTIONS",
    "Alone",
    "AnyStep",
    "Batches",
    "Before",
    "Check",
    "MigrateOptions",
    "MigrationPlan",
    "Phase",
    "RoleAccess",
    "Step",
    "TableFacts",
    "place",
    "place_of",
    "plan_migration",
]
