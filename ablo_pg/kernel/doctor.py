"""What can be wrong with an installation on day one and later, each with its fix.

`examine` uses up to three logins. Every judgement is a function from facts to findings, so each can
be tested without causing the problem.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import psycopg

from ablo_pg.db import health
from ablo_pg.db.admin import admin_connection
from ablo_pg.db.identity import login_facts
from ablo_pg.db.membership import unreached
from ablo_pg.db.policies import with_mending
from ablo_pg.db.pooler import refuse_shared_sessions
from ablo_pg.db.session import connect_async
from ablo_pg.errors import AbloError
from ablo_pg.kernel.drift import KernelState, kernel_state
from ablo_pg.kernel.fit import SQL_ASCII

Level: TypeAlias = Literal["ok", "note", "blocker"]
OLDEST: Final = 150_000
# WAL that an idle slot retains, and a log's size, before it is reported.
SLOT_BYTES: Final = 1 << 30
LOG_BYTES: Final = 50 << 30
CLOCK_SECONDS: Final = 2.0
PREPARED_SECONDS: Final = 60
# A commit holds its organization's lock for a flush, some milliseconds.
HELD_SECONDS: Final = 5
# Locks that a migration of everything takes per table and index, with a margin.
LOCKS_EACH: Final = 2
# The remedy if a login may not even read the facts.
_DENIED: Final = {
    "administrative login": "pass --admin-url with the login that `ablo-pg connect` was run "
    "with, another member of ablo_owner, or a superuser",
    "runtime login": "run `ablo-pg connect --admin-url URL`: it restores the rights of "
    "ablo_runtime and prints new URLs; or `ablo-pg doctor --fix --admin-url "
    "URL`, which does not",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. fix: what to do; sql: the same as SQL; safe: `--fix` may run it."""

    name: str
    level: Level
    problem: str
    fix: str | None = None
    sql: str | None = None
    safe: bool = False


def examine(
    admin_url: str | None,
    database_url: str | None,
    replication_url: str | None,
    schema_hash: str | None = None,
) -> list[Finding]:
    """Check everything that the URLs lead to; schema_hash: of the schema that should be active."""
    found: list[Finding] = []
    facts: dict[str, Any] = {}
    if admin_url:
        facts = _looked(found, "administrative login", admin_url, _admin, schema_hash)
    if database_url:
        own = _looked(found, "runtime login", database_url, _runtime, None)
        if (
            facts
            and own
            and (facts["started"], facts["database"])
            != (
                own["started"],
                own["database"],
            )
        ):
            text = "DATABASE_URL leads to another database than the administrative URL"
            found.append(Finding("one database", "blocker", text, "correct one of them"))
    if replication_url:
        _looked(found, "replication login", replication_url, _replication, None)
    elif database_url:
        text = "no replication URL is given: changes arrive by LISTEN/NOTIFY"
        fix = "set ABLO_REPLICATION_URL to what `ablo-pg connect` printed"
        found.append(Finding("replication login", "note", text, fix))
    return found


def repair(admin_url: str, findings: Iterable[Finding]) -> list[Finding]:
    """Run the safe fixes; return their findings. Raises Postgres's errors."""
    done = []
    with admin_connection(admin_url) as conn:
        for finding in findings:
            if finding.safe and finding.sql:
                health.run_fix(conn, finding.sql)
                done.append(finding)
    return done


_Look: TypeAlias = Callable[
    [psycopg.Connection, str | None], tuple[dict[str, Any], Iterable[Finding]]
]


def _looked(
    found: list[Finding], name: str, url: str, look: _Look, schema_hash: str | None
) -> dict[str, Any]:
    try:
        with admin_connection(url) as conn:
            try:
                facts, findings = look(conn, schema_hash)
            except psycopg.errors.InsufficientPrivilege as exc:
                raise reason.error() if (reason := unreached(conn)) else exc from exc
            found += findings
        if look is not _replication and any(one.name == "pooler" for one in findings):
            asyncio.run(_own_sessions(url))
        return facts
    except AbloError as exc:
        statement = exc.details.get("sql")
        fix = "run this as an administrator" if statement else exc.remedy
        found.append(Finding(name, "blocker", exc.message, fix, statement))
    except psycopg.Error as exc:
        text = exc.diag.message_primary or str(exc)
        denied = isinstance(exc, psycopg.errors.InsufficientPrivilege)
        fix = _DENIED.get(name) if denied else None
        found.append(Finding(name, "blocker", text, fix or "see the server's log"))
    return {}


async def _own_sessions(url: str) -> None:
    conn = await connect_async(url)
    try:
        await refuse_shared_sessions(conn, url)
    finally:
        await conn.close()


def _admin(
    conn: psycopg.Connection, schema_hash: str | None
) -> tuple[dict[str, Any], list[Finding]]:
    facts = health.server_facts(conn)
    findings = [*judge_server(facts, time.time()), *judge_way(conn.info.backend_pid, conn)]
    if facts["version"] < OLDEST:
        return facts, findings
    state = kernel_state(conn)
    findings += judge_kernel(state, schema_hash)
    if state.installed == state.own:
        findings += judge_tables(health.kernel_facts(conn))
        findings += judge_held(health.held_locks(conn))
    return facts, findings


def _runtime(
    conn: psycopg.Connection, schema_hash: str | None
) -> tuple[dict[str, Any], list[Finding]]:
    facts, login = health.server_facts(conn), login_facts(conn)
    findings = [*judge_login(login), *judge_way(conn.info.backend_pid, conn)]
    if all(finding.level != "blocker" for finding in findings):
        health.identity_check(conn)
        findings.append(Finding("runtime login", "ok", f"{login['login']} has the right limits"))
    return facts, findings


def _replication(
    conn: psycopg.Connection, schema_hash: str | None
) -> tuple[dict[str, Any], list[Finding]]:
    login = login_facts(conn)
    findings = list(judge_way(conn.info.backend_pid, conn))
    if login["rights"]["replication"]:
        findings.append(Finding("replication login", "ok", f"{login['login']} may stream"))
    else:
        text = f"login {login['login']} may not stream: changes arrive by LISTEN/NOTIFY"
        statement = health.allow_replication(login["login"])
        fix = "let a superuser run this"
        findings.append(Finding("replication login", "note", text, fix, statement))
    return {}, findings


def judge_server(facts: dict[str, Any], now: float) -> Iterator[Finding]:
    """Version, settings, slots, clock, stuck transactions."""
    version = facts["version"]
    if version < OLDEST:
        text = f"the server is PostgreSQL {version // 10_000}, which is too old"
        yield Finding("server version", "blocker", text, "use PostgreSQL 15 or later")
    else:
        yield Finding("server version", "ok", f"PostgreSQL {version // 10_000}")
    if facts["recovery"]:
        yield Finding("primary", "blocker", "the server is a standby", "connect to the primary")
    if facts["encoding"] == "SQL_ASCII":
        fix = "create the database again with encoding 'UTF8'"
        yield Finding("encoding", "blocker", SQL_ASCII, fix)
    elif facts["encoding"] != "UTF8":
        text = f"the database uses {facts['encoding']}: text that it cannot represent is refused"
        fix = "for text of every language, create it again with encoding 'UTF8'"
        yield Finding("encoding", "note", text, fix)
    if facts["walLevel"] != "logical":
        text = f"wal_level is {facts['walLevel']}: changes arrive by LISTEN/NOTIFY, some ms later"
        fix = "run this as a superuser, then restart the server"
        yield Finding("wal_level", "note", text, fix, health.logical_wal())
    else:
        yield Finding("wal_level", "ok", "logical")
    if min(facts["senders"], facts["slotsAllowed"]) < 2:
        text = "max_wal_senders or max_replication_slots leaves no room for a reader"
        yield Finding("senders", "note", text, "set both to 10 or more, then restart the server")
    yield from _judge_durability(facts)
    yield from _judge_standing(facts)
    if abs(facts["now"] - now) > CLOCK_SECONDS:
        text = f"this machine's clock and the server's are {abs(facts['now'] - now):.0f} s apart"
        fix = "synchronize both (NTP); leases use the server's clock only"
        yield Finding("clock", "note", text, fix)
    if facts["locks"] < LOCKS_EACH * facts["relations"]:
        text = f"there are {facts['locks']} locks for {facts['relations']} tables and indexes"
        fix = "raise max_locks_per_transaction, then restart the server"
        yield Finding("max_locks_per_transaction", "note", text, fix)


def _judge_durability(facts: dict[str, Any]) -> Iterator[Finding]:
    if facts["fsync"] == "off":
        text = "fsync is off: a crash of the machine can destroy the database"
        yield Finding("fsync", "note", text, "set fsync = on, unless the data is disposable")
    if facts["synchronousCommit"] == "off":
        text = "synchronous_commit is off: a crash can lose commits that were confirmed"
        yield Finding("synchronous_commit", "note", text, "set synchronous_commit = on")


def _judge_standing(facts: dict[str, Any]) -> Iterator[Finding]:
    for slot in facts["slots"]:
        if not slot["active"] and slot["bytes"] > SLOT_BYTES:
            text = f"slot {slot['name']} has no reader and retains {slot['bytes'] >> 20} MB of WAL"
            fix = "start its reader, or drop it if it is unused (it does not belong to ablo_pg)"
            yield Finding("slots", "note", text, fix, health.drop_slot(slot["name"]))
    for each in facts["prepared"]:
        if each["seconds"] > PREPARED_SECONDS:
            text = f"prepared transaction {each['gid']!r} has been open for {each['seconds']} s"
            text += ": it blocks new slots and vacuum"
            fix = "commit it, or run this"
            yield Finding("prepared", "note", text, fix, health.end_prepared(each["gid"]))
    if (facts["unanswered"] or 0) > HELD_SECONDS:
        text = f"a commit has waited for a synchronous standby for {facts['unanswered']} s "
        text += (
            f"(synchronous_standby_names = {facts['standbys']!r}): its organization cannot write"
        )
        fix = "bring the standby back, or remove it from synchronous_standby_names and reload"
        yield Finding("synchronous standby", "blocker", text, fix)
    for each in facts["idle"]:
        text = f"process {each['pid']} ({each['program'] or 'unnamed'}) is idle in a transaction "
        text += f"for {each['seconds']} s: it blocks migrations and new slots"
        fix = "end its transaction, or run this"
        yield Finding("idle transactions", "note", text, fix, health.end_session(each["pid"]))


def judge_held(held: Iterable[dict[str, Any]]) -> Iterator[Finding]:
    """Who blocks the commits of an organization, the log's growth, an install or a migration."""
    for each in held:
        if each["seconds"] < HELD_SECONDS:
            continue
        whose = ", ".join(map(repr, each["organizations"]))
        text = f"process {each['pid']} ({each['program'] or 'unnamed'}, {each['state']}"
        text += f", waits for {each['event']})" if each["event"] else ")"
        fix, statement = "end its transaction, or run this", health.end_session(each["pid"])
        if each["gid"] is not None:
            text = f"prepared transaction {each['gid']!r}"
            fix, statement = "commit it, or run this", health.end_prepared(each["gid"])
        text += f" has held locks of the kernel for {each['seconds']} s"
        text += f", and commits of {whose} cannot proceed" if whose else ""
        text += f"; {each['waiters']} waiting for it" if each["waiters"] else ""
        yield Finding("locks", "blocker", text, fix, statement)


def judge_way(greeted: int, conn: psycopg.Connection) -> Iterator[Finding]:
    """Whether a pooler stands in between: another process answers than the one that greeted us."""
    if health.backend_pid(conn) != greeted:
        text = f"a pooler stands between {conn.info.user} and the server"
        fix = "fine for DATABASE_URL in session mode; for the replication and the administrative "
        fix += "URL use the server's own port"
        yield Finding("pooler", "note", text, fix)


def judge_login(login: dict[str, Any]) -> Iterator[Finding]:
    """Whether programs may run as a login."""
    rights, name = login["rights"], login["login"]
    if rights["superuser"] or rights["bypassesRls"]:
        text = f"login {name} bypasses row-level security and is refused for programs"
        fix = "use the DATABASE_URL that `ablo-pg connect` printed"
        # An administrative login may be the server's only one: it keeps its rights.
        running = rights["runtime"] and not (rights["superuser"] or rights["owner"])
        statement = health.plain_login(name) if running else None
        yield Finding("runtime login", "blocker", text, fix, statement)
    elif not rights["runtime"]:
        text = f"login {name} is not a member of ablo_runtime"
        fix = "use the DATABASE_URL that `ablo-pg connect` printed"
        yield Finding("runtime login", "blocker", text, fix)


def judge_kernel(state: KernelState, schema_hash: str | None) -> Iterator[Finding]:
    """The kernel, its files, and the schema."""
    connect = "run `ablo-pg connect --admin-url URL`"
    if state.installed is None:
        yield Finding("kernel", "blocker", "the database has no kernel", connect)
        return
    if state.installed > state.own:
        text = f"the kernel {state.installed} is newer than this package's {state.own}"
        yield Finding("kernel", "blocker", text, "upgrade ablo_pg")
    elif state.installed < state.own or state.outdated:
        text = f"kernel {state.installed} differs from this package's {state.own} in "
        text += f"{len(state.outdated)} files: {', '.join(state.outdated[:3])}"
        yield Finding("kernel", "blocker", text, connect)
    else:
        yield Finding("kernel", "ok", f"version {state.installed}")
    active = (state.status.get("schema") or {}).get("hash")
    if active is None:
        fix = "run `ablo-pg migrate SCHEMA --admin-url URL`"
        yield Finding("schema", "blocker", "no schema has been applied", fix)
    elif schema_hash is not None and schema_hash != active:
        text = f"the active schema is {active}, the given one {schema_hash}"
        yield Finding("schema", "note", text, "run `ablo-pg migrate` to activate it")
    else:
        yield Finding("schema", "ok", f"{active} is active")
    for item in state.drift:
        text, mends = with_mending(str(item))  # not ours, so --fix does nothing
        fix = "run `ablo-pg connect`, then `ablo-pg migrate`: both repair what they find"
        yield Finding("drift", "blocker", text, "run this" if mends else fix, mends)
    for item in state.unknown:
        yield Finding("drift", "note", str(item), "compare the two texts")
    for lack in state.lacks:
        yield Finding("rights", "blocker", str(lack), "run this", lack.sql, safe=True)


def judge_tables(facts: dict[str, Any]) -> Iterator[Finding]:
    """Triggers, row-level security, set-wise commits, unfinished migrations, the log."""
    for each in facts["triggers"]:
        text = f"trigger {each['name']} of {each['table']} does not fire for every writer"
        statement = health.enable_trigger(each["table"], each["name"])
        yield Finding("triggers", "blocker", text, "run this", statement, safe=True)
    for each in facts["open"]:
        text = f"row-level security of {each['table']} does not apply to every login of ours"
        statement = health.force_rls(each["table"], ours=each["ours"])
        yield Finding("row-level security", "blocker", text, "run this", statement, safe=True)
    if not facts["settles"]:
        text = "no event trigger captures changes before DDL: UPDATE and ALTER TABLE of one synced "
        text += "table in one transaction need `set constraints all immediate` in between"
        fix = "run `ablo-pg connect` as a superuser, who can create event triggers"
        yield Finding("event trigger", "note", text, fix)
    if not facts["writer"]:
        text = "there is no role ablo_writer: commits of a batch are applied one by one"
        fix = "run `ablo-pg connect` as a login that may create roles, then `ablo-pg migrate`"
        yield Finding("set-wise commits", "note", text, fix)
    if facts["setwise"]:
        text = "ablo_writer lacks rights: commits of a batch are applied one by one"
        statements = "\n".join(facts["setwise"])
        yield Finding("set-wise commits", "note", text, "run this", statements, safe=True)
    unfinished = [f"rows of {name} still have to be written" for name in facts["debts"]]
    unfinished += [f"constraint {name} is not validated" for name in facts["unvalidated"]]
    unfinished += [f"index {name} is not valid" for name in facts["invalid"]]
    for text in unfinished:
        yield Finding("migration", "note", text, "run `ablo-pg migrate` again: it resumes")
    if facts["stray"]:
        text = "the log has outgrown its partitions: retention cannot drop the default partition"
        statement = health.extend_log()
        yield Finding("log", "note", text, "run this", statement, safe=True)
    if facts["unsealed"] is not None:
        text = f"retention keeps full partitions of the log: changes of {facts['unsealed']!r} in "
        text += "them are not sealed"
        yield Finding("log", "note", text, "run `ablo-pg audit seal`")
    if facts["logBytes"] > LOG_BYTES:
        text = f"the log takes {facts['logBytes'] >> 30} GB"
        yield Finding("log", "note", text, "run ablo.delta_retain to drop old partitions")
