"""Races between grants and writers, staged with held locks. Each returns what was wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..board import Board, create, op
from ..staging import blockers, holding, threads, wait_blocked, wait_until
from .i4_claims import LANDED, claimant, claimants, outcome, run_out

PLAIN: Final = "update tasks set count = 7 where organization_id = '{org}' and id = 't'"


def writer_in_flight(board: Board, *, plain: bool = False, end: str = "commit") -> list[str]:
    """A grant that comes while a writer holds the row waits in line, and then has the new row."""
    a, w = claimants(board, "aw")
    a.commit(create("t"))
    writer = board.connect_admin() if plain else w.conn
    writer.execute("begin")
    if plain:
        writer.execute(board.text(PLAIN).encode())
    else:
        w.write("t", count=7)
    answer = a.acquire("t")
    found = []
    if answer["claim"]["status"] != "queued":
        found.append("granted while a writer was at the row")
    writer.execute(end.encode())
    answer = a.get(answer["claim"]["id"], renew=True)
    newest = board.value(
        "select max(sync_id) from ablo.delta where organization_id = '{org}' and row_id = 't'"
    )
    count = 7 if end == "commit" else 0
    if answer["claim"]["readAt"] != newest or answer["data"]["count"] != count:
        found.append(f"granted with a row that is not the newest: {answer}")
    return found


def grant_in_flight(board: Board, *, end: str = "commit") -> list[str]:
    """A write that comes while a grant is being made waits for it, and is refused."""
    a, w = claimants(board, "aw")
    a.commit(create("t"))
    with threads() as start:
        a.begin()
        a.acquire("t")
        writing = start(outcome, lambda: w.write("t", count=7))
        wait_until(lambda: writing.done() or a.pid in blockers(board.admin, w.pid))
        early = writing.done()
        a.end(end)
        ended = writing.result()
    wanted = "entity_claimed" if end == "commit" else LANDED
    return ["it did not wait"] * early + [f"the write ended as {ended}"] * (ended != wanted)


def race_for_a_free_row(board: Board, *, known: bool = False) -> list[str]:
    """Of two who ask at once for a row, the second waits for the first to be done, and is queued.

    known: somebody has claimed the row before.
    """
    a, b = claimants(board, "ab")
    a.commit(create("t"))
    if known:
        a.release(a.acquire("t")["claim"]["id"])
    with threads() as start:
        a.begin()
        one = a.acquire("t")
        asking = start(b.acquire, "t")
        wait_until(lambda: asking.done() or a.pid in blockers(board.admin, b.pid))
        a.end()
        two = asking.result()
    statuses = one["claim"]["status"], two["claim"]["status"]
    return [] if statuses == ("active", "queued") else [f"both asked: {statuses}"]


def release_is_the_next_grant(board: Board) -> list[str]:
    """The row is never seen free between a release and the grant to the next in line."""
    a, b, c = claimants(board)
    a.commit(create("t"))
    one, two = a.acquire("t"), b.acquire("t")
    a.begin()
    a.release(one["claim"]["id"])
    held = [claim["heldBy"] for claim in c.line("t")["claims"]]
    a.end()
    then = [claim["heldBy"] for claim in c.line("t")["claims"]]
    late = b.get(two["claim"]["id"])
    found = [f"held by {held}, then {then}"] * ((held, then) != ([a.participant], [b.participant]))
    if late["claim"].get("fenceToken", 0) <= one["claim"]["fenceToken"]:
        found.append("the next one's token is not higher")
    return found


def write_after_the_lease(board: Board) -> list[str]:
    """A holder that paused past its lease cannot land a write, though nobody else came."""
    (a,) = claimants(board, "a")
    a.commit(create("t"))
    claim = a.acquire("t")["claim"]
    run_out(board, claim)
    ended = outcome(lambda: a.write("t", claim, count=1))
    return [] if ended == "claim_lost" else [f"the write ended as {ended}"]


def lease_that_ends_while_the_write_waits(board: Board) -> list[str]:
    """A write is judged when it has the row, not when it was sent."""
    (a,) = claimants(board, "a")
    a.commit(create("t"))
    claim = a.acquire("t")["claim"]
    with threads() as start:
        held = "select from tasks where organization_id = '{org}' and id = 't' for update"
        with holding(board.connect_admin(), board.text(held)) as pid:
            writing = start(outcome, lambda: a.write("t", claim, count=1))
            wait_blocked(board.admin, a.pid, by=pid)
            run_out(board, claim)
        ended = writing.result()
    return [] if ended == "claim_lost" else [f"the write ended as {ended}"]


def write_of_an_ex_holder(board: Board) -> list[str]:
    """Its claim has run out and the next one holds the row."""
    a, b = claimants(board, "ab")
    a.commit(create("t"))
    claim, wait = a.acquire("t")["claim"], b.acquire("t")["claim"]
    run_out(board, claim)
    found = [] if b.status(wait["id"]) == "active" else ["the next in line was not granted"]
    ended = outcome(lambda: a.write("t", claim, count=1))
    return found + [f"the write ended as {ended}"] * (ended not in ("claim_lost", "entity_claimed"))


def lower_token(board: Board) -> list[str]:
    """A token of an earlier grant does not pass, whoever brings it, without a claim's id."""
    a, b = claimants(board, "ab")
    a.commit(create("t"))
    first = a.acquire("t")["claim"]
    a.release(first["id"])
    b.release(b.acquire("t")["claim"]["id"])
    operation = op("update", "tasks", "t", {"count": 1}, fenceToken=first["fenceToken"])
    free = outcome(lambda: a.commit(operation))
    a.acquire("t")
    own = outcome(lambda: a.commit(operation))
    return [f"a write with an old token ended as {end}" for end in (free, own)
            if end != "fence_token_stale"]  # fmt: skip


def line_is_fifo(board: Board) -> list[str]:
    """Grants follow the order of asking."""
    holder, *waiters = claimants(board, "abcde")
    holder.commit(create("t"))
    held = holder.acquire("t")["claim"]["id"]
    asked = [waiter.acquire("t")["claim"]["id"] for waiter in waiters]
    holder.release(held)
    granted = []
    while line := holder.line("t")["claims"]:
        granted.append(line[0]["id"])
        waiters[asked.index(line[0]["id"])].release(line[0]["id"])
    return [] if granted == asked else [f"asked {asked}, granted {granted}"]


def creator_in_flight(board: Board, *, end: str = "commit") -> list[str]:
    """A claim on a row that is being created waits for its creator."""
    a, w = claimants(board, "aw")
    w.begin()
    w.commit(create("new"))
    answer = a.acquire("new")
    w.end(end)
    then = a.get(answer["claim"]["id"], renew=True)
    there = then["data"] is not None
    found = [] if answer["claim"]["status"] == "queued" else ["granted while it was being created"]
    return found + [f"granted with {then['data']}"] * (there != (end == "commit"))


def creation_under_a_claim(board: Board) -> list[str]:
    """Who claims a row that is not there yet is the only one to create it."""
    a, w = claimants(board, "aw")
    with threads() as start:
        a.begin()
        claim = a.acquire("new")["claim"]
        creating = start(outcome, lambda: w.commit(create("new")))
        wait_until(lambda: creating.done() or a.pid in blockers(board.admin, w.pid))
        a.end()
        ended = creating.result()
    found = [] if ended == "entity_claimed" else [f"another's create ended as {ended}"]
    operation = op("create", "tasks", "new", {"title": "New"}, claimId=claim["id"])
    own = outcome(lambda: a.commit(operation))
    return found + [f"the holder's create ended as {own}"] * (own != LANDED)


def batch_meets_a_grant(board: Board) -> list[str]:
    """A commit in a batch leaves it while a grant is being made, is refused when it is made."""
    a, w = claimants(board, "aw")
    a.commit(create("t"), create("u"))
    items = [{"request": {"operations": [op("update", "tasks", row, {"count": 1})]}}
             for row in ("t", "u")]  # fmt: skip
    a.begin()
    a.acquire("t")
    during = [error.code if error else LANDED for _, error in w.batch(items)]
    a.end()
    after = [error.code if error else LANDED for _, error in w.batch(items)]
    wanted = [["lock_timeout", LANDED], ["entity_claimed", LANDED]]
    return [] if [during, after] == wanted else [f"the batch ended as {during}, then {after}"]


def renewal_in_flight(board: Board) -> list[str]:
    """Who was told that it holds the row for a minute does, though it was about to run out."""
    a, b = claimants(board, "ab")
    a.commit(create("t"))
    claim = a.acquire("t", ttl="250ms")["claim"]
    a.begin()
    told = a.call("select ablo.claim_heartbeat_all(%s, %s, null, '60')", board.organization,
                  a.participant)  # fmt: skip
    over = f"select clock_timestamp() > expires_at from ablo.claim where id = '{claim['id']}'"
    wait_until(lambda: board.value(over))
    with threads() as start:
        asking = start(b.acquire, "t")
        wait_until(lambda: asking.done() or a.pid in blockers(board.admin, b.pid))
        a.end()
        asked = asking.result()["claim"]["status"]
    ends = told[0]["status"], a.status(claim["id"]), asked
    return [] if ends == ("held", "active", "queued") else [f"told {ends[0]}, and then {ends[1:]}"]


def second_wait_of_the_holder(board: Board) -> list[str]:
    """Re-entrant: the holder asks again and again, and stands in nobody's way, nor in its own."""
    a, b = claimants(board, "ab")
    a.commit(create("t"))
    one = a.acquire("t", ttl="1m")
    waiting = b.acquire("t")
    again = claimant(board, "a").acquire("t", ttl="5m", fields=["title"])
    found = []
    if again["claim"]["id"] != one["claim"]["id"] or again["claim"]["ttlMs"] != 300_000:
        found.append(f"asked again, got {again}")
    a.release(one["claim"]["id"])
    if b.status(waiting["claim"]["id"]) != "active":
        found.append("one release did not free the row")
    return found


SCENARIOS: Final[dict[str, Callable[[Board], list[str]]]] = {
    "a writer in flight": writer_in_flight,
    "a writer in flight, rolled back": lambda board: writer_in_flight(board, end="rollback"),
    "a plain writer in flight": lambda board: writer_in_flight(board, plain=True),
    "a grant in flight": grant_in_flight,
    "a grant in flight, rolled back": lambda board: grant_in_flight(board, end="rollback"),
    "a race for a free row": race_for_a_free_row,
    "a race for a row known before": lambda board: race_for_a_free_row(board, known=True),
    "a release is the next grant": release_is_the_next_grant,
    "a write after the lease": write_after_the_lease,
    "a lease that ends while the write waits": lease_that_ends_while_the_write_waits,
    "a write of an ex-holder": write_of_an_ex_holder,
    "a lower token": lower_token,
    "first come, first served": line_is_fifo,
    "a creator in flight": creator_in_flight,
    "a creator in flight, rolled back": lambda board: creator_in_flight(board, end="rollback"),
    "creation under a claim": creation_under_a_claim,
    "a batch meets a grant": batch_meets_a_grant,
    "a renewal in flight": renewal_in_flight,
    "the holder asks again": second_wait_of_the_holder,
}
