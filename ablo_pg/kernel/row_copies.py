"""Functions that copy whole rows of a table into another one, which new columns break.

Such as `insert into notes_history select old.*, now()`. Bodies are read as text; what one makes up
at run time is not seen, but for `($1).*` of a row that it is passed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import psycopg

from ablo_pg.db.triggers import copying, own_triggers
from ablo_pg.kernel.table_triggers import COMMENT

_WORDS: Final = "values|select|as|in|and|or|not|if|when|then|else|exists"
_CALL: Final = re.compile(rf"\b(?!(?:{_WORDS})\b)[\w.\"]+\s*\([^()]*\)", re.IGNORECASE)
_INSERT: Final = r"\binsert\s+into\b[^;]*?(?:\bselect(?:\s+all)?|\bvalues\s*\(|,)\s*"
_ROW: Final = re.compile(_INSERT + r"\(?\s*(?:old|new|\$1)\s*\)?\s*\.\s*\*", re.IGNORECASE)
_STAR: Final = r"(?:\w+\s*\.\s*)?\*[^;]*?\bfrom\s+(?:only\s+)?(?:\w+\.|\"[^\"]+\"\.)?\"?{}\"?(?!\w)"


def broken_copies(
    conn: psycopg.Connection, table: str, name: str, added: Sequence[str]
) -> Iterator[tuple[str, bool]]:
    """List functions that copy rows of a table that gets columns, and whether a trigger calls them.

    Args: table, quoted; name, as it is; added, the columns that it gets.
    """
    if not added:
        return
    ends = "; it would fail, or fill the wrong columns, once the table has "
    ends += f"{', '.join(added)}: name the columns in it, on both sides"
    for trigger in own_triggers(conn, table):
        if copies_row(trigger.function.body):
            what = f"its trigger {trigger.name} calls {trigger.function.name}, which copies "
            yield f"{what}whole rows into another table{ends}", True
    star = re.compile(_INSERT + _STAR.format(re.escape(name)), re.IGNORECASE)
    for function in copying(conn, name):
        if star.search(_plain(function.body)):
            yield f"{function.name} copies whole rows of it into another table{ends}", False


def copies_row(body: str) -> bool:
    """Whether a trigger function inserts all columns of its row, one after the other, elsewhere."""
    return _ROW.search(_plain(body)) is not None


def _plain(body: str) -> str:
    """Remove comments, and calls with their arguments: there a row is one value."""
    text, before = COMMENT.sub(" ", body), ""
    while text != before:
        before, text = text, _CALL.sub(" f ", text)
    return text
