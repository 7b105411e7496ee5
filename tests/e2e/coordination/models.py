"""The models that agents fight over. Claims on accounts bind plain SQL writers too."""

from __future__ import annotations

from ablo_pg import Model, belongs_to, define_schema


class Counter(Model):
    count: int = 0
    note: str | None = None
    entries: list[str] | None = None


class Account(Model, claims_bind_sql=True):
    count: int = 0
    note: str | None = None


class Entry(Model, claims_bind_sql=True):
    account_id: str
    account = belongs_to("accounts", parent=True, fk=True)


SCHEMA = define_schema(counters=Counter, accounts=Account, entries=Entry)
ORGANIZATION = "acme"
