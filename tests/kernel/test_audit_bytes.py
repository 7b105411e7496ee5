"""Whatever byte of a sealed delta is changed is seen; and a chain that leaves one out is caught."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablo_pg.audit import seal as seal_module
from ablo_pg.audit import seal_all
from ablo_pg.audit import verify as verify_module
from ablo_pg.audit.chain import AuditKey, Entry, entry_of
from ablo_pg.delta import Delta

from .audit_log import BATCH, KEYS, SealedLog

Raw = tuple[bytes | None, ...]


# What Hypothesis may do to each column, given a delta's old value and a number: another value.
def _letter(text: str, number: int) -> str:
    place = number % len(text)
    other = chr(ord("a") + number % 26)
    other = other if other != text[place] else chr(ord(other) ^ 1)
    return text[:place] + other + text[place + 1 :]


def _letters_of_json(text: str, number: int) -> str:
    """Change one letter of one string in it, which keeps it JSON."""
    places = [i for i, one in enumerate(text) if one.isalpha() and text[i - 1] not in "\\u"]
    literals = ("null", "true", "false")
    places = [i for i in places if not any(one in text[i - 4 : i + 5] for one in literals)]
    place = places[number % len(places)]
    return text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]


TEXTS = (
    "organization_id", "model", "row_id", "op", "actor", "on_behalf_of", "capability_id",
    "claim_id", "transaction_id",
)  # fmt: skip
CHANGES: dict[str, tuple[str, Callable[[Any, int], Any]]] = {
    **dict.fromkeys(TEXTS, ("text", _letter)),
    "sync_id": ("bigint", lambda old, number: old + (number * 2 + 1) * 1000),
    "row": ("json", _letters_of_json),
    "before": ("json", _letters_of_json),
    "groups": ("text[]", lambda old, number: [_letter(old[0], number), *old[1:]]),
    "changed": ("text[]", lambda old, number: [*old[:-1], _letter(old[-1], number)]),
    "left_groups": ("text[]", lambda old, number: [*(old or ()), f"left:{number}"]),
    "entered_groups": ("text[]", lambda old, number: [*(old or ()), f"in:{number}"]),
    "xid": ("xid8", lambda old, number: str(int(old) ^ (1 << number % 63))),
    "created_at": ("bigint", lambda old, number: old ^ (1 << number % 50)),
}
READ = {"row": '"row"::text', "before": "before::text", "xid": "xid::text"}
MICROSECONDS = "(extract(epoch from created_at) * 1000000)::bigint"


def rewrite(log: SealedLog, column: str, index: int, number: int) -> None:
    """Change one byte of one column of one sealed delta."""
    kind, changed = CHANGES[column]
    read = MICROSECONDS if column == "created_at" else READ.get(column, column)
    where = f"where sync_id = {log.ids[index]} and organization_id = 'acme'"
    row = log.conn.execute(f"select {read} from ablo.delta {where}".encode()).fetchone()
    assert row is not None
    value = f"%s::{kind}"
    if column == "created_at":
        value = "timestamptz 'epoch' + %s::bigint * interval '1 microsecond'"
    query = f'update ablo.delta set "{column}" = {value} {where}'
    log.conn.execute(query.encode(), (changed(row[0], number),))


@pytest.mark.parametrize("column", Delta._fields)
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(index=st.integers(1, 9), number=st.integers(0, 10_000))
def test_a_change_of_any_byte_is_caught(
    log: SealedLog, column: str, index: int, number: int
) -> None:
    assert set(CHANGES) == set(Delta._fields)
    with log.conn.transaction(force_rollback=True):
        rewrite(log, column, index, number)
        found = log.broken()
        assert found[0][1] == log.ids[index]
        assert found[0][0] == ("missing" if column in ("sync_id", "organization_id") else "altered")


# Mutants of the checker: what it must compute from, left out.
def unnoticed(log: SealedLog) -> set[str]:
    """Seal anew, then return the columns whose change verifying does not see."""
    log.conn.execute("truncate ablo.audit_seal")
    seal_all(log.conn, KEYS, {}, batch=BATCH)
    silent = set()
    for column in Delta._fields:
        with log.conn.transaction(force_rollback=True):
            rewrite(log, column, 5, 7)
            silent |= {column} if log.verify(anchored=False).sound else set()
    return silent


def without(column: str) -> Callable[[AuditKey, Raw], Entry]:
    place = Delta._fields.index(column)
    return lambda key, delta: entry_of(key, (*delta[:place], b"", *delta[place + 1 :]))


def test_the_real_chain_leaves_nothing_out(own_log: SealedLog) -> None:
    assert unnoticed(own_log) == set()


@pytest.mark.parametrize("column", ["actor", "on_behalf_of", "row", "claim_id", "created_at"])
def test_a_chain_without_a_column_is_seen(
    own_log: SealedLog, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    for module in (seal_module, verify_module):
        monkeypatch.setattr(module, "entry_of", without(column))
    assert unnoticed(own_log) == {column}


def test_a_chain_without_lengths_is_seen(
    own_log: SealedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that move over to the next column must not go unseen."""
    shift = "update ablo.delta set model = 'taskst', row_id = '1' where sync_id = {i5}"
    with own_log.tampered(shift):
        assert not own_log.verify().sound

    def plain(values: Iterable[bytes | None]) -> bytes:
        return b"".join(one or b"" for one in values)

    monkeypatch.setattr("ablo_pg.audit.chain.frame", plain)
    own_log.conn.execute("truncate ablo.audit_seal")
    seal_all(own_log.conn, KEYS, {}, batch=BATCH)
    with own_log.tampered(shift):
        assert own_log.verify(anchored=False).sound
