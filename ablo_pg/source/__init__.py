"""The owner's side of a signed data source endpoint: rows stay in a database that others only ask.

    from ablo_pg.source import Endpoint, SqlAdapter, psycopg_transactions

    adapter = SqlAdapter(schema, psycopg_transactions(DATABASE_URL))
    app = Endpoint(adapter, api_key=KEY).asgi        # or .wsgi, .flask(), .django()

A service sends signed requests (`signing`), which `requests` reads: load, list, commit and events.
`endpoint` answers them through an adapter: `sql` keeps the promises that a service relies on (a
commit applies once, its events are in the outbox of the same transaction, no event is skipped).
`conformance` checks endpoints from outside, in any language.
"""

from ablo_pg.source.endpoint import Adapter, Answer, Endpoint
from ablo_pg.source.refused import Refused
from ablo_pg.source.signing import signed_headers
from ablo_pg.source.sql import SqlAdapter
from ablo_pg.source.tables import TABLES
from ablo_pg.source.transactions import (
    Begin,
    Transaction,
    django_transactions,
    psycopg_transactions,
    sqlalchemy_transactions,
)

__all__ = [
    "TABLES",
    "Adapter",
    "Answer",
    "Begin",
    "Endpoint",
    "Refused",
    "SqlAdapter",
    "Transaction",
    "django_transactions",
    "psycopg_transactions",
    "signed_headers",
    "sqlalchemy_transactions",
]
