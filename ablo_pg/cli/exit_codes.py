"""Exit codes with a special meaning."""

from __future__ import annotations

from typing import Final

# For scripts: other failures concern the machine, this one the schema.
DOES_NOT_FIT: Final = 3
INTERRUPTED: Final = 130  # by ^C, as a shell says it
