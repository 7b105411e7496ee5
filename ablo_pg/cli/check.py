"""`ablo-pg check`: existing tables against a schema."""

from __future__ import annotations

from dataclasses import asdict

import click

from ablo_pg.cli.administrator import administrator
from ablo_pg.cli.exit_codes import DOES_NOT_FIT
from ablo_pg.cli.options import json_option, read_url_option, target_argument
from ablo_pg.cli.output import show, show_json
from ablo_pg.cli.target import load_target
from ablo_pg.kernel.fit import ModelFit, fit, sound

CHECK_EPILOG = """\b
TARGET: FILE.py, MODULE, either with :ATTRIBUTE, or FILE.json  [default: ablo/schema.py]

\b
Examples:
  ablo-pg check
  ablo-pg check app/schema.py --database-url postgresql://me@localhost/app
  ablo-pg check --json | jq '.models[] | select(.state == "misfits")'
"""


@click.command("check", epilog=CHECK_EPILOG)
@target_argument
@read_url_option
@json_option
def check_command(target: str, database_url: str, as_json: bool) -> int:
    """Report for each model whether its existing table fits, and the SQL that fixes it.

    Reads only. Exit code 3 if a model does not fit.
    """
    spec = load_target(target)
    with administrator(database_url) as conn:
        fits = fit(conn, spec)
    _show_fits(fits, as_json)
    return 0 if sound(fits) else DOES_NOT_FIT


def _show_fits(fits: tuple[ModelFit, ...], as_json: bool) -> None:
    if as_json:
        models = [asdict(one) | {"state": one.state} for one in fits]
        show_json({"fits": sound(fits), "models": models})
        return
    for one in fits:
        show(f"{one.model}: {one.state} ({one.table})")
        for finding in one.findings:
            field = "" if finding.field is None else f"{finding.field}: "
            show(f"  {finding.level}  {field}{finding.message}")
            for line in (finding.sql or "").splitlines():
                show(f"      {line}")
