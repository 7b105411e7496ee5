"""The judge and the reading of the WAL, on values: each way to be wrong is seen."""

from __future__ import annotations

import pytest

from .judge import complaints, complaints_of_log, fold
from .wal_oracle import Change, Truth, columns

LOG = [Change(n, "I" if n <= 100 else "U", f"t{n % 100}", f"title {n}") for n in range(1, 10_001)]
TRUTH = Truth(list(LOG), fold(LOG), fold(LOG), [each.row for each in LOG[:100]])


def test_who_has_everything_is_right() -> None:
    assert complaints(LOG, TRUTH) == []
    assert complaints_of_log(TRUTH, ["t1", "t2"]) == []


@pytest.mark.parametrize("lost", [0, 4_999, 9_999])
def test_one_lost_of_ten_thousand_is_named(lost: int) -> None:
    found = complaints(LOG[:lost] + LOG[lost + 1 :], TRUTH)
    assert f"1 deltas are missing: [{lost + 1}]" in found
    assert ("the rows are not the table's" in found) == (lost == 9_999), "later writes hide it"


def test_a_repeat_and_a_swap_are_seen() -> None:
    assert complaints([*LOG[:500], *LOG[499:]], TRUTH) == ["1 ids do not rise: [500]"]
    swapped = [*LOG[:500], LOG[501], LOG[500], *LOG[502:]]
    assert complaints(swapped, TRUTH) == ["1 ids do not rise: [501]"]


def test_another_content_and_a_stranger_are_seen() -> None:
    for wrong in (LOG[7]._replace(title="x"), LOG[7]._replace(row="t9")):
        found = complaints([*LOG[:7], wrong, *LOG[8:]], TRUTH)
        assert found[0].startswith("1 deltas are not what was written")
    assert complaints([*LOG, Change(10_001, "D", "t1", None)], TRUTH) != []


def test_a_log_that_contradicts_its_tables_is_seen() -> None:
    rows = fold(LOG)
    other = rows | {"t1": "x"}
    assert len(complaints_of_log(Truth(LOG, other, other, []), [])) == 1
    assert len(complaints_of_log(Truth(LOG, rows, other, []), [])) == 1
    assert len(complaints_of_log(Truth([LOG[1], LOG[0], *LOG[2:]], rows, rows, []), [])) == 1
    assert len(complaints_of_log(Truth(LOG, rows, rows, ["t1", "t1"]), ["t1"])) == 1
    assert len(complaints_of_log(Truth(LOG, rows, rows, ["t1"]), ["t2"])) == 1


def test_a_line_of_the_plugin_is_read() -> None:
    text = (
        """id[text]:'t1' "row"[json]:'{"title":"it''s [a]:b"}' groups[text[]]:'{a,b}'"""
        """ created_at[timestamp with time zone]:'2026-01-01 00:00+00' n[int]:7 t[text]:null"""
    )
    assert columns(text) == {
        "id": "t1",
        "row": '{"title":"it\'s [a]:b"}',
        "groups": "{a,b}",
        "created_at": "2026-01-01 00:00+00",
        "n": "7",
        "t": None,
    }


def test_lines_make_the_truth() -> None:
    truth = Truth()
    row = """\"row\"[json]:'{"title":"a"}'"""
    delta = "table ablo.delta_p1: INSERT: sync_id[bigint]:"
    for line in (
        "BEGIN",
        "table public.tasks: INSERT: id[text]:'t1' organization_id[text]:'acme' title[text]:'a'",
        "table public.tasks: INSERT: id[text]:'t1' organization_id[text]:'other' title[text]:'b'",
        f"{delta}1 organization_id[text]:'acme' row_id[text]:'t1' op[text]:'I' {row}",
        f"{delta}2 organization_id[text]:'other' row_id[text]:'t1' op[text]:'I' {row}",
        "COMMIT",
        "table public.tasks: DELETE: organization_id[text]:'acme' id[text]:'t1'",
        f"{delta}3 organization_id[text]:'acme' row_id[text]:'t1' op[text]:'D' \"row\"[json]:null",
    ):
        truth.note(line)
    assert truth.deltas == [Change(1, "I", "t1", "a"), Change(3, "D", "t1", None)]
    assert (truth.rows, truth.created) == ({}, ["t1"])
