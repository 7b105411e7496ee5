"""Which bodies copy a whole row into another table."""

from __future__ import annotations

import pytest

from ablo_pg.kernel.row_copies import copies_row

COPIES = [
    "begin insert into h select old.*, now(); return null; end",
    "begin INSERT INTO h SELECT (OLD).*; return null; end",
    "insert into a.h values (now(), tg_op, new.*);",
    "insert into h (id, note) select nextval('s'), f(g(1), 2), old.*;",
    "with gone as (insert into h select old.* returning 1) select 1",
    "execute format('insert into %I select ($1).*', tg_table_name || '_h') using old;",
    "insert into h -- all of it\n select old.*;",
]
OTHERS = [
    "insert into h values (hstore(old.*));",
    "insert into h select jsonb_build_object('old', old.*, 'new', to_jsonb(new.*));",
    "if old.* is distinct from new.* then insert into h values (1, 'x'); end if;",
    "insert into h (id, note) select old.id, old.note;",
    "insert into h values (1); perform f(old.*);",
    "-- insert into h select old.*\n return new;",
]


@pytest.mark.parametrize("body", COPIES)
def test_it_copies(body: str) -> None:
    assert copies_row(body)


@pytest.mark.parametrize("body", OTHERS)
def test_it_does_not(body: str) -> None:
    assert not copies_row(body)
