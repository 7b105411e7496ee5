"""The audit chain names what was rewritten, whoever rewrote it; and lets pass what was not."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.audit import parse_keys, seal_all, verify_all
from ablo_pg.audit.verify import _Verification
from ablo_pg.db.health import kernel_facts
from ablo_pg.delta import COLUMNS
from ablo_pg.kernel.doctor import judge_tables

from .audit_log import BATCH, KEYS, ROTATED, Found, SealedLog, change


def test_what_nobody_touched_is_sound(log: SealedLog) -> None:
    found = log.verify()
    assert (found.sound, found.seals, found.deltas, found.unsealed) == (True, 3, 10, 1)
    assert (found.through, found.dropped) == (log.ids[-1], 0)
    assert [one.sound for one in verify_all(log.conn, KEYS, log.anchors)] == [True, True]


def test_settings_of_the_session_have_no_part_in_it(log: SealedLog) -> None:
    settings = {
        "timezone": "America/St_Johns", "datestyle": "German, DMY", "extra_float_digits": "-15",
        "bytea_output": "escape", "intervalstyle": "sql_standard", "array_nulls": "off",
        "standard_conforming_strings": "off", "client_min_messages": "error",
    }  # fmt: skip
    with log.tampered(*(f"set local {name} = '{value}'" for name, value in settings.items())):
        assert log.verify().sound
        change(log.conn, "acme", "t1", 11)
        seal_all(log.conn, KEYS, {}, batch=BATCH)
        log.conn.execute("reset all")
        assert (log.verify().sound, log.verify().deltas) == (True, 12)


DELTA_TAMPERS: dict[str, str] = {
    "row": """"row" = replace("row"::text, 'Titel', 'Titul')::json""",
    "row, a space": """"row" = ("row"::text || ' ')::json""",
    "row, keys in another order": """"row" = "row"::jsonb::json""",
    "row, null": '"row" = null',
    "model": "model = 'notes'",
    "row_id": "row_id = 't2'",
    "model and row_id, the same bytes": "model = 'taskst', row_id = '1'",
    "op": "op = 'A'",
    "groups": "groups = array['org:globex']",
    "groups, as one": "groups = array[array_to_string(groups, ',')]",
    "groups, bounds": "groups = ('[0:0]={' || groups[1] || '}')::text[]",
    "changed": "changed = array['status']",
    "changed, null": "changed = null",
    "actor": "actor = 'user:eve'",
    "actor, null": "actor = null",
    "on_behalf_of": "on_behalf_of = 'user:eve'",
    "capability_id": "capability_id = ''",
    "claim_id": "claim_id = null",
    "transaction_id": "transaction_id = 'tx'",
    "xid": "xid = '1'",
    "created_at": "created_at = created_at + interval '1 microsecond'",
    "created_at, infinite": "created_at = 'infinity'",
}


@pytest.mark.parametrize("name", DELTA_TAMPERS)
@pytest.mark.parametrize(("place", "seal"), [("i0", 1), ("i5", 2), ("i9", 3)])
def test_an_altered_delta_is_named(log: SealedLog, name: str, place: str, seal: int) -> None:
    if place == "i0" and name.startswith("changed, null"):
        return  # it is null there: a create
    statement = DELTA_TAMPERS[name].replace("{", "{{").replace("}", "}}")
    with log.tampered(f"update ablo.delta set {statement} where sync_id = {{{place}}}"):
        assert log.broken() == [("altered", log.ids[int(place[1:])], seal)]
        assert log.verify().deltas == 9


COPY = ", ".join(f'"{name}"' for name in COLUMNS[1:])
SWAP = """
update ablo.delta set sync_id = case sync_id when {{{0}}} then -{{{1}}} else -{{{0}}} end
 where sync_id in ({{{0}}}, {{{1}}});
update ablo.delta set sync_id = -sync_id where sync_id < 0"""
# name -> the statements, and what is found, with places for sync ids
OTHER_TAMPERS: dict[str, tuple[list[str], list[tuple[str, int | str | None, int]]]] = {
    "one deleted": (["delete from ablo.delta where sync_id = {i6}"], [("missing", 6, 2)]),
    "the first deleted": (["delete from ablo.delta where sync_id = {i0}"], [("missing", 0, 1)]),
    "the last deleted": (["delete from ablo.delta where sync_id = {i9}"], [("missing", 9, 3)]),
    "all of a seal deleted": (
        ["delete from ablo.delta where sync_id in ({i8}, {i9})"],
        [("missing", 8, 3), ("missing", 9, 3)],
    ),
    "one inserted": (
        [
            f"insert into ablo.delta (sync_id, {COPY}) select {{free}}, {COPY} from ablo.delta"
            " where sync_id = {i4} and organization_id = 'acme'",
            "update ablo.delta set actor = 'user:eve'"
            " where sync_id = {free} and organization_id = 'acme'",
        ],
        [("inserted", "free", 2)],
    ),
    "one inserted before all": (
        [
            f"insert into ablo.delta (sync_id, {COPY}) select 0, {COPY} from ablo.delta"
            " where sync_id = {i4}; update ablo.delta set op = 'D' where sync_id = 0"
        ],
        [("inserted", "before all", 1)],
    ),
    "one sent elsewhere": (
        ["update ablo.delta set organization_id = 'globex' where sync_id = {i2}"],
        [("missing", 2, 1)],
    ),
    "two neighbours swapped": (
        [SWAP.format("i1", "i2")],
        [("reordered", 1, 1), ("reordered", 2, 1)],
    ),
    "two swapped across seals": (
        [SWAP.format("i1", "i8")],
        [("reordered", 1, 1), ("reordered", 8, 3)],
    ),
    "one moved": (
        ["update ablo.delta set sync_id = {free} where sync_id = {i1}"],
        [("missing", 1, 1), ("reordered", "free", 2)],
    ),
    "one altered, one gone": (
        ["update ablo.delta set op = 'D' where sync_id = {i7}",
         "delete from ablo.delta where sync_id = {i5}"],
        [("missing", 5, 2), ("altered", 7, 2)],
    ),
    "deleted, and called dropped by retention": (
        ["delete from ablo.delta where sync_id <= {i2}",
         "update ablo.log_state set dropped_through = {i2}"],
        [("missing", 0, 1), ("missing", 1, 1), ("missing", 2, 1)],
    ),
    "a middle seal deleted": (
        ["delete from ablo.audit_seal where organization_id = 'acme' and number = 2"],
        [("seal_missing", "after 1", 2)],
    ),
    "the first seal deleted": (
        ["delete from ablo.audit_seal where organization_id = 'acme' and number = 1"],
        [("seal_missing", None, 1)],
    ),
    "the last seal deleted": (
        ["delete from ablo.audit_seal where organization_id = 'acme' and number = 3"],
        [("seal_missing", None, 3)],
    ),
    "all seals deleted": (["delete from ablo.audit_seal"], [("seal_missing", None, 3)]),
    "a seal of another organization": (
        ["delete from ablo.audit_seal where organization_id = 'acme' and number = 3",
         "update ablo.audit_seal set organization_id = 'acme'"
         " where organization_id = 'globex' and number = 3"],
        [("seal_altered", "seal", 3)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_TAMPERS)
def test_what_is_gone_new_or_moved_is_named(log: SealedLog, name: str) -> None:
    statements, expected = OTHER_TAMPERS[name]
    named = {"free": log.ids[4] + 1, "before all": 0, "after 1": log.ids[3] + 1, None: None}
    places: dict[Any, int | None] = {**dict(enumerate(log.ids)), **named}
    with log.tampered(*statements):
        found = log.broken()
    places["seal"] = found[0][1] if found else None
    wanted: Found = [(kind, places[place], seal) for kind, place, seal in expected]
    assert found == wanted


SEAL_TAMPERS = {
    "first_sync_id": "first_sync_id - 1",
    "last_sync_id": "last_sync_id - 1",
    "delta_count": "delta_count + 1",
    "key_id": "'k9'",
    "previous_mac": "set_byte(previous_mac, 0, get_byte(previous_mac, 0) # 1)",
    "fingerprints": "set_byte(fingerprints, 30, get_byte(fingerprints, 30) # 1)",
    "sealed_at": "sealed_at + interval '1 microsecond'",
    "mac": "set_byte(mac, 31, get_byte(mac, 31) # 128)",
}


@pytest.mark.parametrize("column", SEAL_TAMPERS)
@pytest.mark.parametrize("number", [2, 3])
def test_an_edited_seal_is_named(log: SealedLog, column: str, number: int) -> None:
    where = f"organization_id = 'acme' and number = {number}"
    query = f"update ablo.audit_seal set {column} = {SEAL_TAMPERS[column]} where {where}"
    with log.tampered(query):
        assert [(kind, seal) for kind, _, seal in log.broken()] == [("seal_altered", number)]


def test_an_edit_that_leaves_out_what_it_covers_is_still_an_edit(log: SealedLog) -> None:
    """A renumbered seal: the number is missing in its place, and the seal is not as it was made."""
    update = "update ablo.audit_seal set {} where organization_id = 'acme' and number = 2"
    with log.tampered(update.format("number = 7")):
        assert {(kind, seal) for kind, _, seal in log.broken()} == {
            ("seal_missing", 2),
            ("seal_altered", 7),
        }
    with log.tampered(update.format("fingerprints = '', delta_count = 0")):
        assert [kind for kind, *_ in log.broken()] == ["seal_altered"]


def test_a_cut_off_end_is_missed_by_the_anchor_alone(log: SealedLog) -> None:
    with log.tampered("delete from ablo.audit_seal where number = 3"):
        found = log.verify(anchored=False)
        assert (found.sound, found.unsealed) == (True, 3)
        assert not log.verify().sound


def test_an_organization_that_is_gone_is_missed_by_its_anchor(log: SealedLog) -> None:
    gone = "where organization_id = 'globex'"
    with log.tampered(f"delete from ablo.delta {gone}; delete from ablo.audit_seal {gone}"):
        found = {one.organization: one.sound for one in verify_all(log.conn, KEYS, log.anchors)}
    assert found == {"acme": True, "globex": False}


def test_a_seal_that_was_made_again_is_not_the_anchored_one(log: SealedLog) -> None:
    """By a sealer that has the key and no anchor: the new chain is sound in itself."""
    with log.tampered(
        "delete from ablo.audit_seal where number = 3",
        "update ablo.delta set actor = 'user:eve' where sync_id = {i9}",
    ):
        seal_all(log.conn, KEYS, {}, batch=BATCH)
        assert log.verify(anchored=False).sound
        assert [(kind, seal) for kind, _, seal in log.broken()] == [("seal_altered", 3)]


def test_a_sealer_with_an_anchor_does_not_seal_over_a_cut(log: SealedLog) -> None:
    with log.tampered("delete from ablo.audit_seal where organization_id = 'acme' and number = 3"):
        change(log.conn, "globex", "t1", 12)
        done = seal_all(log.conn, KEYS, dict(log.anchors), batch=BATCH)
        assert (done.organizations, done.deltas) == (1, 1)  # globex goes on
        (refused,) = done.refused
        assert (refused.code, refused.details["seal"]) == ("audit_broken", 3)


def test_a_sealer_does_not_build_on_an_edited_seal(log: SealedLog) -> None:
    last = "where organization_id = 'acme' and number = 3"
    for edit in ("sealed_at = now()", "key_id = 'k9'"):
        with log.tampered(f"update ablo.audit_seal set {edit} {last}"):
            done = seal_all(log.conn, KEYS, {}, batch=BATCH)
            assert ([one.code for one in done.refused], done.deltas) == (["audit_broken"], 0)


def test_keys_are_rotated(own_log: SealedLog) -> None:
    seal_all(own_log.conn, ROTATED, {}, batch=BATCH)
    (found,) = verify_all(own_log.conn, ROTATED, {}, organization="acme")
    assert (found.sound, found.seals, found.unsealed) == (True, 4, 0)
    query = "select distinct key_id from ablo.audit_seal order by 1"
    assert own_log.conn.execute(query).fetchall() == [("k1",), ("k2",)]
    assert own_log.broken() == [("key_unknown", own_log.ids[-1] + 2, 4)]
    other = parse_keys(f"k1:{'33' * 32}", "the test")
    (found,) = verify_all(own_log.conn, other, {}, organization="acme")
    assert {one.kind for one in found.broken} == {"seal_altered", "key_unknown"}


def test_what_retention_dropped_is_said_and_no_breach(own_log: SealedLog) -> None:
    conn = own_log.conn
    conn.execute("select setval('ablo.sync_id', 12000000)")
    conn.execute("select ablo.delta_extend()")
    change(conn, "acme", "t1", 11)
    seal_all(conn, KEYS, {}, batch=BATCH)
    conn.execute("select ablo.delta_retain('0 s')")
    found = own_log.verify()
    assert (found.sound, found.seals, found.dropped, found.deltas) == (True, 4, 11, 1)
    conn.execute("update ablo.delta set actor = 'user:eve'")
    kept = conn.execute("select max(sync_id) from ablo.delta").fetchone()
    assert own_log.broken() == [("altered", (kept or [None])[0], 4)]
    # A seal whose deltas are gone still counts as a link.
    conn.execute("delete from ablo.audit_seal where number = 2")
    assert own_log.broken()[0][::2] == ("seal_missing", 2)


def test_partitions_dropped_while_it_verifies_are_no_breach(own_log: SealedLog) -> None:
    """How far the log was dropped is asked again before something is called missing."""
    begun = _Verification(own_log.conn, KEYS, "acme", None)
    own_log.conn.execute("select setval('ablo.sync_id', 12000000)")
    own_log.conn.execute("select ablo.delta_extend()")
    seal_all(own_log.conn, KEYS, {})
    own_log.conn.execute("select ablo.delta_retain('0 s')")
    found = begun.run(own_log.anchors["acme"])
    assert (found.sound, found.dropped) == (True, 11)


@pytest.mark.parametrize("writes", [("acme",), ("newcomer",), ("acme", "newcomer")])
def test_retention_keeps_what_is_not_sealed(own_log: SealedLog, writes: tuple[str, ...]) -> None:
    """Also of an organization that has no seal yet. Doctor says so; sealing lets it go."""
    conn = own_log.conn
    seal_all(conn, KEYS, {})
    for organization in writes:
        change(conn, organization, "t2", 0)
    for last in (12_000_000, 22_000_000):
        conn.execute("select setval('ablo.sync_id', %s)", (last,))
        conn.execute("select ablo.delta_extend()")
        change(conn, "globex", "t1", last)
    seal_all(conn, KEYS, {}, organization="globex")
    warned: list[Any] = []
    conn.add_notice_handler(lambda it: warned.append((it.message_primary, it.message_hint)))
    count = "select count(*) from ablo.delta"
    before = conn.execute(count).fetchone()
    assert conn.execute("select ablo.delta_retain('0 s')").fetchone() == (0,)
    assert conn.execute(count).fetchone() == before
    told = f"ablo.delta_p000000 is kept: it has changes of {writes[0]} that are not sealed"
    assert warned == [(told, "run ablo-pg audit seal")]
    (finding,) = [each for each in judge_tables(kernel_facts(conn)) if each.name == "log"]
    assert f"changes of '{writes[0]}'" in finding.problem
    assert "audit seal" in str(finding.fix)

    seal_all(conn, KEYS, {})
    assert conn.execute("select ablo.delta_retain('0 s')").fetchone() == (19999999,)
    assert [each for each in judge_tables(kernel_facts(conn)) if each.name == "log"] == []
    for organization in {"acme", "globex", *writes}:
        found = own_log.verify(organization=organization, anchored=False)
        assert (found.sound, found.unsealed) == (True, 0)
    # Retention that was only claimed is still found.
    conn.execute("update ablo.log_state set dropped_through = 29999999")
    conn.execute("delete from ablo.delta")
    assert "missing" in {kind for kind, _, _ in own_log.broken(organization="globex")}
