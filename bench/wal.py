"""A server with WAL to read: the same deltas in transactions of any size, each behind a slot."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import make_conninfo

from ablo_pg.cluster import Cluster, ClusterSettings, Prefer
from ablo_pg.testing import install_kernel

# As the capture triggers write them: 16 organizations, a row of 200 bytes of JSON.
FUNCTION = """
create procedure write_deltas(p_transactions int, p_rows int) language plpgsql as $$
begin
  for v_n in 1 .. p_transactions loop
    insert into ablo.delta
      (sync_id, organization_id, model, row_id, op, groups, "row", changed, actor, transaction_id,
       xid, created_at)
    select nextval('ablo.sync_id'), 'org-' || v_n % 16, 'tasks', '0198a7c2-7a1b-7c3e-9d57-' || v_n,
           'U', array['org:org-' || v_n % 16, 'tasks:' || v_n],
           json_build_object('id', v_n, 'createdAt', now(), 'updatedAt', now(),
             'organizationId', 'o', 'createdBy', 'user:u1', 'title', 'Write it', 'status', 'todo'),
           '{title}', 'user:u1', null, pg_current_xact_id(), clock_timestamp()
      from generate_series(1, p_rows);
    commit;
  end loop;
end $$"""
LOGIN = "bench_reader"
PASSWORD = "bench"


@dataclass(frozen=True)
class Source:
    """admin: URL of the superuser. urls: by transport, of a login that may replicate."""

    admin: str
    urls: dict[str, str]
    binaries: str

    def admin_connection(self) -> psycopg.Connection:
        """Connect as the superuser, autocommit."""
        return psycopg.connect(self.admin, autocommit=True)

    def write(self, transactions: int, rows: int) -> None:
        """Write deltas."""
        with self.admin_connection() as conn:
            conn.execute("call write_deltas(%s::int, %s::int)", (transactions, rows))

    def mark(self, slot: str) -> None:
        """Keep the WAL from here on for `slot`, to be copied."""
        with self.admin_connection() as conn:
            conn.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", (slot,))

    @contextlib.contextmanager
    def copy_of(self, slot: str) -> Iterator[str]:
        """Make a copy of a slot, to be read to its end once."""
        copy = f"{slot}_copy"
        with self.admin_connection() as conn:
            conn.execute("select pg_copy_logical_replication_slot(%s, %s)", (slot, copy))
            try:
                yield copy
            finally:
                conn.execute(
                    "select pg_terminate_backend(active_pid, 5000) from pg_replication_slots"
                    " where slot_name = %s and active",
                    (copy,),
                )
                conn.execute("select pg_drop_replication_slot(%s)", (copy,))


@contextlib.contextmanager
def wal_source(prefer: Prefer = "system", **extra: str) -> Iterator[Source]:
    """Start a cluster with the kernel, reachable over a socket and over TCP."""
    settings = ClusterSettings(
        durable=False, tcp_port=0, extra={"max_wal_size": "8GB", "wal_sender_timeout": "0", **extra}
    )
    with Cluster(settings=settings, prefer=prefer) as cluster:
        name = cluster.create_database("bench")
        admin = cluster.url(name)
        install_kernel(admin)
        with psycopg.connect(admin, autocommit=True) as conn:
            conn.execute(FUNCTION)
            conn.execute(f"create role {LOGIN} login replication password '{PASSWORD}'")
            conn.execute(f"grant ablo_replication, ablo_runtime to {LOGIN}")
        assert cluster.tcp_url is not None
        login = {"dbname": name, "user": LOGIN, "password": PASSWORD}
        urls = {
            "unix": make_conninfo(admin, **login),
            "tcp": make_conninfo(cluster.tcp_url, **login),
        }
        yield Source(admin, urls, str(cluster.binaries.bin))
