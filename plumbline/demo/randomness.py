"""Random numbers that belong to a table and a month, whatever else is generated."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def stream(seed: int, name: str, month: int = 0) -> np.random.Generator:
    """Open the stream of one table and month; equal arguments give equal numbers."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, crc32(name.encode()), month])))


def pick(rng: np.random.Generator, weights: Floats, size: int) -> Ints:
    """Draw `size` indexes in proportion to `weights`."""
    if not size:
        return np.empty(0, dtype=np.int64)
    bounds = np.cumsum(weights)
    index = np.searchsorted(bounds, rng.random(size) * bounds[-1], side="right")
    return np.asarray(np.minimum(index, len(weights) - 1), dtype=np.int64)


def lognormal(rng: np.random.Generator, median: Floats | float, spread: float, size: int) -> Floats:
    """Draw positive numbers around `median`; `spread` is the deviation of the logarithm."""
    return np.asarray(median * np.exp(rng.normal(0.0, spread, size)), dtype=np.float64)
