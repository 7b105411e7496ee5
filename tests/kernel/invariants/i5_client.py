"""A client process to be killed: commits, says that it has, and ends only when it is told to.

Arguments: url, organization, key, operations as JSON. Prints its backend's process id first, and
`returned` when the commit has returned inside the still open transaction.
"""

from __future__ import annotations

import json
import sys

import psycopg


def main() -> None:
    url, organization, key, operations = sys.argv[1:]
    with psycopg.connect(url) as conn:
        # The library sets 5 s; a test does not wait that long.
        conn.execute("set client_connection_check_interval = '20ms'")
        conn.commit()
        print(conn.info.backend_pid, flush=True)
        request = json.dumps({"operations": json.loads(operations)})
        arguments = (organization, "agent:triage", key, request)
        conn.execute("select ablo.commit(%s, %s, %s, %s::jsonb)", arguments)
        print("returned", flush=True)
        sys.stdin.read()


main()
