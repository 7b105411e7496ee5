"""The table of calls and the kernel's routines say the same."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from ablo_pg.wire import relay_calls
from ablo_pg.wire.kernel_calls import CALLS, CLAIM_NEWS, LOG_READ, KernelCall

OF_THE_RELAY = (CLAIM_NEWS, LOG_READ)  # answered by it, from what it hears and reads
ALL: list[KernelCall[Any, object]] = [
    *(each for each in CALLS if each not in OF_THE_RELAY),
    *(each for each in vars(relay_calls).values() if isinstance(each, KernelCall)),
]
PARAMETERS = """
select p.proargnames[:p.pronargs], p.pronargs - p.pronargdefaults,
       has_function_privilege('ablo_runtime', p.oid, 'execute')
  from pg_proc p where p.pronamespace = 'ablo'::regnamespace and p.proname = %s"""


@pytest.mark.parametrize("call", ALL, ids=lambda call: call.name)
def test_a_call_gives_its_routine_what_that_takes(
    kernel_db: psycopg.Connection, call: KernelCall[Any, object]
) -> None:
    ((parameters, required, allowed),) = kernel_db.execute(
        PARAMETERS, [call.routine or call.name]
    ).fetchall()
    given = [f"p_{name}" for name in (*call.takes, *call.body.__struct_fields__, *call.fixed)]
    assert len(given) == len(set(given))
    assert set(given) <= set(parameters or ())
    assert set((parameters or ())[:required]) <= set(given)
    assert allowed


def test_a_call_is_named_once() -> None:
    names = [each.name for each in CALLS]
    assert len(names) == len(set(names))
