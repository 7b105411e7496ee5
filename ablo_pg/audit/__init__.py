"""The audit chain: keyed hashes over each organization's log, so that nobody rewrites it unseen.

`chain` says what is hashed, `seal` vouches for what is new, `verify` finds what is no longer as it
was sealed, `anchor` keeps the chain's end outside the database. The key never comes near that.
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
