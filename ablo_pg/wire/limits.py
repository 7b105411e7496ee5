"""Limits of a caller's input and of one answer, in one table. Pure.

`sql/00_base/bound.sql` holds those that also apply to direct callers of the kernel. A refusal here
costs no connection. Settings that an operator may change are in `relay/settings.py`.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

ANSWER_BYTES: Final = 4 << 20  # rows of one kernel answer (ablo.bound: answer_bytes)
READ_BYTES: Final = 16 << 20  # rows of one bootstrap page, or of all queries of one request
LOG_BYTES: Final = 8 << 20  # deltas of one page of the log, of a partial bootstrap
WHERE_TERMS: Final = 64
IN_VALUES: Final = 2000
ORDER_TERMS: Final = 16
QUERY_BYTES: Final = 256 << 10  # of one list's query
QUERIES: Final = 50  # in one request
SOCKET_QUERIES: Final = 50  # live queries of one socket
RELATED: Final = 10  # relations of one query (ablo.bound: include)
NAMES: Final = 200  # sync groups, models: names in one list of a request
SOCKET_SCOPES: Final = 100  # scopes that one socket has joined at once
SOCKET_CLAIMS: Final = 1000  # names under which one socket knows its claims
PARSED_HERE: Final = 32 << 10  # bytes of JSON that are parsed on the event loop; more, in a thread

Name = Annotated[str, msgspec.Meta(max_length=255)]  # claims, scopes, transactions, sessions
RowId = Annotated[str, msgspec.Meta(max_length=1000)]
ModelName = Annotated[str, msgspec.Meta(max_length=255)]
GroupName = Annotated[str, msgspec.Meta(max_length=512)]
Note = Annotated[str, msgspec.Meta(max_length=4000)]  # descriptions, which the kernel truncates
Groups = Annotated[list[GroupName], msgspec.Meta(max_length=NAMES * 5)]
Fields = Annotated[list[Name], msgspec.Meta(max_length=100)]
