"""`ablo-pg doctor`: what commonly goes wrong on day one, each with its fix."""

from __future__ import annotations

from dataclasses import asdict

import click

from ablo_pg.cli.options import json_option
from ablo_pg.cli.output import plain, say, show, show_json, styled, working
from ablo_pg.cli.target import load_target
from ablo_pg.errors import error_for
from ablo_pg.kernel.doctor import Finding, examine, repair

MARKS = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "blocker": ("FAIL", "red")}
EPILOG = """\b
Examples:
  ablo-pg doctor
  ablo-pg doctor app/schema.py --admin-url postgresql://postgres@localhost/app
  ablo-pg doctor --fix
  ablo-pg doctor --json | jq -r '.blockers[].fix'
"""


@click.command("doctor", epilog=EPILOG)
@click.argument("target", metavar="[TARGET]", required=False)
@click.option("--admin-url", envvar="ABLO_ADMIN_URL", metavar="URL", help="[env: ABLO_ADMIN_URL]")
@click.option("--database-url", envvar="DATABASE_URL", metavar="URL", help="[env: DATABASE_URL]")
@click.option(
    "--replication-url", envvar="ABLO_REPLICATION_URL", metavar="URL",
    help="[env: ABLO_REPLICATION_URL]",
)  # fmt: skip
@click.option("--fix", is_flag=True, help="Run the safe fixes, then check again.")
@json_option
def doctor_command(
    target: str | None, admin_url: str | None, fix: bool, as_json: bool, **urls: str | None
) -> int:
    """Check server, logins, kernel, schema, tables and log; report problems and their fixes.

    Uses every login that is given; changes nothing without --fix. Exit code 0 if there is no
    blocker (notes do not count), 1 otherwise.
    """
    _require(admin_url, fix, urls)
    wanted = load_target(target).hash if target else None
    where = (admin_url, urls["database_url"], urls["replication_url"], wanted)
    working("checking with every login")
    found, fixed = examine(*where), list[Finding]()
    if fix and admin_url:
        fixed = repair(admin_url, found)
        found = examine(*where)
    _show(found, fixed, as_json)
    return 1 if any(finding.level == "blocker" for finding in found) else 0


def _require(admin_url: str | None, fix: bool, urls: dict[str, str | None]) -> None:
    if (fix and not admin_url) or not (admin_url or any(urls.values())):
        raise error_for(
            "invalid_options",
            "--fix needs the administrative login" if fix else "no login is given to check with",
            field="admin_url",
            remedy="pass --admin-url, or set ABLO_ADMIN_URL (and DATABASE_URL)",
        )


def _show(found: list[Finding], fixed: list[Finding], as_json: bool) -> None:
    if as_json:
        show_json(_json(found, fixed))
        return
    for finding in fixed:
        say(f"fixed: {finding.problem}")
    for finding in found:
        mark, colour = MARKS[finding.level]
        show(f"{styled(mark, fg=colour)}  {finding.name}: {plain(finding.problem)}")
        if finding.level != "ok" and finding.fix:
            show(f"      {finding.fix}" + (":" if finding.sql else ""))
        for line in (finding.sql or "").splitlines():
            show(f"        {line}")


def _json(found: list[Finding], fixed: list[Finding]) -> dict[str, object]:
    blockers = [finding for finding in found if finding.level == "blocker"]
    return {
        "ready": not blockers,
        "blockers": [{"problem": one.problem, "fix": one.sql or one.fix} for one in blockers],
        "findings": [asdict(finding) for finding in found],
        "fixed": [asdict(finding) for finding in fixed],
    }
