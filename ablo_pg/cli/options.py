"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from ablo_pg.cluster import Prefer

Command = TypeVar("Command", bound=Callable[..., object])
admin_url_option = click.option(
    "--admin-url",
    envvar="ABLO_ADMIN_URL",
    required=True,
    metavar="URL",
    help="Administrative login of the database, postgresql://... Used once, not stored. [env: "
    "ABLO_ADMIN_URL]",
)


def read_url(*, required: bool) -> Callable[[Command], Command]:
    """Return the option of a database that is only read."""
    return click.option(
        "--database-url",
        envvar=["ABLO_ADMIN_URL", "DATABASE_URL"],
        required=required,
        metavar="URL",
        help="Database to read; any login that may see the tables. [env: ABLO_ADMIN_URL, "
        "DATABASE_URL]",
    )


read_url_option = read_url(required=True)
database_url_option = click.option(
    "--database-url",
    envvar="DATABASE_URL",
    required=True,
    metavar="URL",
    help="The runtime login that `ablo-pg connect` created. [env: DATABASE_URL]",
)
organization_option = click.option(
    "--organization",
    envvar="ABLO_ORGANIZATION",
    required=True,
    metavar="NAME",
    help="The tenant. [env: ABLO_ORGANIZATION]",
)
json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Write one JSON object to stdout, errors as JSON to stderr.",
)
target_argument = click.argument(
    "target", metavar="[TARGET]", required=False, default="ablo/schema.py"
)

__all__ = [
    "Prefer",
    "admin_url_option",
    "database_url_option",
    "json_option",
    "organization_option",
    "read_url",
    "read_url_option",
    "target_argument",
]
