"""The hot path: CopyData to deltas, wherever a gulp ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablo_pg.changefeed import arrival
from ablo_pg.changefeed.arrival import Arrival, Assembler, array, check_columns
from ablo_pg.changefeed.copydata import HEADER
from ablo_pg.delta import COLUMNS, Delta
from ablo_pg.errors import AbloError
from ablo_pg.relay.pgoutput import decode

from .encoder import begin, commit, insert, keepalive, relation
from .simulated import delta

words = st.text(
    st.sampled_from('ab,"\\{} \nN\u00e9\U0001f600')
    | st.characters(exclude_categories=["Cs", "Cc"]),
    max_size=8,
)
optional = st.none() | words


@st.composite
def deltas(draw: st.DrawFn) -> Delta:
    return Delta(
        sync_id=draw(st.integers(1, 2**63 - 1)),
        organization_id=draw(words),
        model=draw(words),
        row_id=draw(words),
        op=draw(st.sampled_from("IUDAV")),
        groups=tuple(draw(st.lists(words, max_size=3))),
        row=draw(st.none() | st.binary()),
        changed=tuple(draw(st.lists(words, max_size=3))),
        actor=draw(optional),
        on_behalf_of=draw(optional),
        capability_id=draw(optional),
        claim_id=draw(optional),
        transaction_id=draw(optional),
        xid=draw(st.integers(3, 2**63)),
        created_at="2026-11-23T05:13:01.65672+00:00",
        left_groups=tuple(draw(st.lists(words, max_size=3))),
        before=draw(st.none() | st.binary()),
        entered_groups=tuple(draw(st.lists(words, max_size=3))),
    )


BEGIN = begin(100)
COMMIT = commit(100, 120)
RELATION = relation()


@settings(max_examples=40)
@given(st.lists(deltas(), max_size=4), st.sets(st.integers(0, 12)))
def test_deltas_come_out_whole_wherever_batches_end(made: list[Delta], ends: set[int]) -> None:
    assembler = Assembler()
    found: list[Arrival] = []
    for index, data in enumerate([BEGIN, RELATION, *map(insert, made), COMMIT]):
        if index in ends:
            found += assembler.batch
            assembler.batch = []
        assert assembler.feed(data) is None
    assert [one.delta() for one in found + assembler.batch] == made


@settings(max_examples=40)
@given(deltas())
def test_an_arrival_says_whose_it_is_before_it_is_decoded(made: Delta) -> None:
    assembler = Assembler()
    for data in (RELATION, insert(made)):
        assembler.feed(data)
    (found,) = assembler.batch
    assert (found.sync_id, found.organization_id) == (made.sync_id, made.organization_id)
    assert found.delta() == made
    with pytest.raises(AttributeError):
        found.delta().sync_id = 1  # type: ignore[misc]


def test_a_transaction_is_handed_on_when_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "OPEN_COUNT", 3)
    assembler = Assembler()
    for data in (RELATION, BEGIN, insert(delta(1)), COMMIT, BEGIN, insert(delta(2))):
        assembler.feed(data)
    taken, whole = assembler.take()
    assert ([one.sync_id for one in taken], whole) == ([1], True)
    assert assembler.take() == ([], True)
    assembler.feed(COMMIT)
    taken, whole = assembler.take()
    assert ([one.sync_id for one in taken], whole) == ([2], True)
    for data in (BEGIN, *(insert(delta(n)) for n in range(3, 7))):  # a large one
        assembler.feed(data)
    taken, whole = assembler.take()
    assert ([one.sync_id for one in taken], whole) == ([3, 4, 5, 6], False)
    for data in (insert(delta(7)), COMMIT):
        assembler.feed(data)
    taken, whole = assembler.take()
    assert ([one.sync_id for one in taken], whole) == ([7], True)


def test_only_what_is_handed_on_is_confirmed() -> None:
    assembler = Assembler()
    assert assembler.feed(keepalive(50)) is not None
    assert assembler.confirmable == 50
    assembler.feed(BEGIN)
    assembler.feed(keepalive(110))  # in the middle of a transaction
    assert assembler.confirmable == 50
    assembler.feed(COMMIT)
    assert assembler.confirmable == 120
    assembler.feed(keepalive(115))  # never backwards
    assert assembler.confirmable == 120


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{}", ()),
        ("{a}", ("a",)),
        ("{org:acme,tasks:t1}", ("org:acme", "tasks:t1")),
        (r'{"a b","c\"d","e\\f","","NULL",g,"h,i","{j}"}',
         ("a b", 'c"d', "e\\f", "", "NULL", "g", "h,i", "{j}")),
    ],
)  # fmt: skip
def test_arrays(text: str, values: tuple[str, ...]) -> None:
    assert array(text) == values


def test_a_log_with_more_columns_is_read_and_with_others_refused() -> None:
    check_columns([*COLUMNS, "added_later"])
    with pytest.raises(AbloError) as caught:
        check_columns(["sync_id", "tenant"])
    assert caught.value.code == "kernel_newer_than_client"


@settings(max_examples=40)
@given(deltas())
def test_one_message_alone_is_decoded_likewise(made: Delta) -> None:
    assert decode(insert(made)[HEADER:], 7) == made
    assert decode(BEGIN[HEADER:], 7) is None
    assert decode(RELATION[HEADER:], 7) is None
