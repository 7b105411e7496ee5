"""Tables in which migration tools and frameworks keep their own records.

Flow: `pull` leaves them out and names the tool. A name that applications use as well counts only
with the tool's columns.
"""

from __future__ import annotations

from typing import Final

from ablo_pg.db.tables import TableFacts

_TABLES: Final = {
    "alembic_version": "Alembic",
    "django_migrations": "Django",
    "south_migrationhistory": "South",
    "ar_internal_metadata": "Rails",
    "flyway_schema_history": "Flyway",
    "databasechangelog": "Liquibase",
    "databasechangeloglock": "Liquibase",
    "__efmigrationshistory": "Entity Framework",
    "_prisma_migrations": "Prisma",
    "knex_migrations": "Knex",
    "knex_migrations_lock": "Knex",
    "typeorm_metadata": "TypeORM",
    "sequelizemeta": "Sequelize",
    "sequelizedata": "Sequelize",
    "mikro_orm_migrations": "MikroORM",
    "kysely_migration": "Kysely",
    "kysely_migration_lock": "Kysely",
    "__drizzle_migrations": "Drizzle",
    "pgmigrations": "node-pg-migrate",
    "goose_db_version": "goose",
    "gorp_migrations": "sql-migrate",
    "bun_migrations": "Bun",
    "bun_migration_locks": "Bun",
    "_sqlx_migrations": "sqlx",
    "__diesel_schema_migrations": "Diesel",
    "seaql_migrations": "SeaORM",
    "refinery_schema_history": "Refinery",
    "atlas_schema_revisions": "Atlas",
    "_yoyo_migration": "yoyo",
    "_yoyo_log": "yoyo",
    "_yoyo_version": "yoyo",
    "yoyo_lock": "yoyo",
    "aerich": "Aerich",
    "migratehistory": "peewee-migrate",
    "phinxlog": "Phinx",
    "doctrine_migration_versions": "Doctrine",
    "versioninfo": "FluentMigrator",
    "schemaversions": "DbUp",
}
# Names that applications use too, and the columns that identify the tool.
_WITH_COLUMNS: Final = {
    "schema_migrations": (({"version"}, "a migration tool (Rails, Ecto, dbmate, migrate)"),),
    "migrations": (
        ({"migration", "batch"}, "Laravel"),
        ({"timestamp", "name"}, "TypeORM"),
        ({"id", "name", "executed_at"}, "postgres-migrations"),
        ({"id", "name", "hash"}, "postgres-migrations"),
    ),
    "schema_version": (
        ({"installed_rank", "script"}, "Flyway"),
        ({"version"}, "tern"),
    ),
    "migration": (({"name", "app_name", "ran_on"}, "Piccolo"),),
}
_SMALL: Final = 2  # columns of a table that only holds a version


def tool_of(table: TableFacts) -> str | None:
    """Return the tool whose record a table is, or None."""
    name = table.name.lower()
    if name in _TABLES:
        return _TABLES[name]
    columns = {column.name for column in table.columns}
    for wanted, tool in _WITH_COLUMNS.get(name, ()):
        if wanted <= columns and (len(wanted) > 1 or len(columns) <= _SMALL + len(wanted)):
            return tool
    return None
