"""The audit chain: keyed hashes over each organization's log, which make rewrites detectable.

`chain` defines what is hashed, `seal` seals new deltas, `verify` finds what differs from what was
sealed, `anchor` records the chain's end outside the database. The key never enters the database.
"""

from ablo_pg.audit.anchor import Anchor, read_anchors, write_anchors
from ablo_pg.audit.keys import Keyring, parse_keys, read_keys
from ablo_pg.audit.seal import Sealed, heads, seal_all
from ablo_pg.audit.verify import Broken, Verified, verify_all

__all__ = [
    "Anchor",
    "Broken",
    "Keyring",
    "Sealed",
    "Verified",
    "heads",
    "parse_keys",
    "read_anchors",
    "read_keys",
    "seal_all",
    "verify_all",
    "write_anchors",
]
