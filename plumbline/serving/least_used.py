"""What is kept in memory while there is room for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """Values by key, the least used ones forgotten when they weigh too much together; for many threads.

    What weighs more than `largest` (a quarter of all) is not kept.
    """

    def __init__(self, most: int, largest: int | None = None) -> None:
        self._most = most
        self.largest = max(1, most // 4) if largest is None else min(largest, most)
        self._weight = 0
        self._values: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self._weight = 0

    def get(self, key: Key) -> Value | None:
        """Give what is kept under a key."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Key, value: Value, weight: int = 1) -> None:
        """Keep a value, in the place of one that was kept under the key."""
        with self._lock:
            if weight > self.largest:
                return
            old = self._values.pop(key, None)
            self._values[key] = (value, weight)
            self._weight += weight - (old[1] if old else 0)
            while self._weight > self._most:
                _, (_, gone) = self._values.popitem(last=False)
                self._weight -= gone


class KeptOf(Generic[Key, Value]):
    """Values that hold for one edition: with the first of another, those of the one before are forgotten."""

    def __init__(self, most: int, largest: int | None = None) -> None:
        self._kept: Kept[tuple[str, Key], Value] = Kept(most, largest)
        self._of = ""

    def get(self, of: str, key: Key) -> Value | None:
        """Give what is kept under a key of an edition."""
        return self._kept.get((of, key))

    def put(self, of: str, key: Key, value: Value, weight: int = 1) -> None:
        """Keep a value of an edition."""
        if of != self._of:
            self._kept.clear()
            self._of = of
        self._kept.put((of, key), value, weight)
