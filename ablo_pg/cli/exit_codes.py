"""Exit codes with a meaning of their own."""

from __future__ import annotations

from typing import Final

# For scripts: another failure is worth a look at the machine, this one at the schema.
DOES_NOT_FIT: Final = 3
INTERRUPTED: Final = 130  # by ^C, as a shell says it
