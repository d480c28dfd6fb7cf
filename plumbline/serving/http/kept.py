"""Finished answers, kept until the next publication, or another policy: by role, and what was asked."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from plumbline.serving.http.answers import Written

# Bytes that one answer may have to be kept, and what one takes beside its content.
_LARGEST, _BESIDE = 1_000_000, 2_500


class Kept:
    """Answers by their tag, the least used ones forgotten first, up to a number of bytes."""

    def __init__(self, megabytes: int) -> None:
        self._most = megabytes * 1_000_000
        self._bytes = 0
        self._answers: OrderedDict[str, Written] = OrderedDict()
        self._lock = threading.Lock()
        self._of = ""

    def get(self, tag: str) -> Written | None:
        """Give the answer of a tag."""
        with self._lock:
            if tag in self._answers:
                self._answers.move_to_end(tag)
            return self._answers.get(tag)

    def keep(self, tag: str, answer: Written, of: str) -> None:
        """Keep an answer that is not too large, with others `of` the same generation and policy alone."""
        if len(answer.content) > min(_LARGEST, self._most):
            return
        with self._lock:
            if of != self._of:
                self._answers.clear()
                self._bytes, self._of = 0, of
            if tag not in self._answers:
                self._answers[tag] = answer
                self._bytes += len(answer.content) + _BESIDE
            while self._bytes > self._most:
                _, dropped = self._answers.popitem(last=False)
                self._bytes -= len(dropped.content) + _BESIDE


def tag_of(*parts: str) -> str:
    """Give the entity tag of an answer: it differs where one of these differs."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def is_known(tag: str, header: str) -> bool:
    """Tell whether a client has the answer already, by its If-None-Match."""
    known = (text.strip().removeprefix("W/") for text in header.split(","))
    return f'"{tag}"' in known
