"""What all measurements share: how a figure is printed, and how noise is."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from typing import Any


def figure(name: str, value: float, unit: str, **more: Any) -> None:
    """Print one figure as a JSON line.

    more: `ratio` and `yardstick` (what it was divided by), `samples`, `spread`, `limit` (what
    stands in the way of a better one).
    """
    print(json.dumps({"figure": name, "value": rounded(value), "unit": unit, **tidy(more)}))


def rates(samples: Sequence[float]) -> dict[str, Any]:
    """Return what says how noisy the samples are: (max - min) / median."""
    middle = statistics.median(samples)
    return {"samples": len(samples), "spread": (max(samples) - min(samples)) / middle}


def percentile(samples: Sequence[float], part: float) -> float:
    """Return the value below which that part (0 to 1) of the samples lies."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def tidy(values: dict[str, Any]) -> dict[str, Any]:
    """Round every float."""
    return {k: rounded(v) if isinstance(v, float) else v for k, v in values.items()}


def rounded(value: float) -> float:
    """Keep four significant digits."""
    return float(f"{value:.4g}")
