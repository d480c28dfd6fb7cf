"""Answers without waiting: from what is in memory already, or not at all.

A server that answers many from one thread asks so first. Whatever would have to read the generation raises
`NotAtOnce` instead, and the question is asked again where it may wait.
"""

from __future__ import annotations

from typing import Any

# Rows that are written as fast as somebody else would be called.
MOST_ROWS = 200


class NotAtOnce(Exception):
    """The generation would have to be read."""


class NoConnection:
    """Stands for a connection where nothing may wait."""

    def __getattr__(self, name: str) -> Any:
        raise NotAtOnce


NO_CONNECTION: Any = NoConnection()
