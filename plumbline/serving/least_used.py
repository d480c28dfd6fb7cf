"""What is kept in memory while there is room for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any


class Kept:
    """Values by key, the least used ones forgotten when they weigh too much together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._weight = 0
        self._values: OrderedDict[Any, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
            self._weight = 0

    def get(self, key: Any) -> Any:
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Any, value: Any, weight: int = 1) -> None:
        with self._lock:
            if weight > self._most // 4:
                return
            _, old = self._values.pop(key, (None, 0))
            self._values[key] = (value, weight)
            self._weight += weight - old
            while self._weight > self._most:
                _, (_, gone) = self._values.popitem(last=False)
                self._weight -= gone
