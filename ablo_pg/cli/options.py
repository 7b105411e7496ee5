"""Options that several commands share."""

from __future__ import annotations

import click

from ablo_pg.cluster import Prefer

admin_url_option = click.option(
    "--admin-url",
    envvar="ABLO_ADMIN_URL",
    required=True,
    metavar="URL",
    help="Administrative login at the database to use, postgresql://... Used once, stored nowhere. "
    "[env: ABLO_ADMIN_URL]",
)
json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Write one JSON object to stdout; errors too, to stderr.",
)
target_argument = click.argument(
    "target", metavar="[TARGET]", required=False, default="ablo/schema.py"
)

__all__ = ["Prefer", "admin_url_option", "json_option", "target_argument"]
