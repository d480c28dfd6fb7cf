"""Finished answers, kept until the next publication, or another policy: by role, and what was asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from plumbline.serving.least_used import KeptOf

# Bytes that one answer may have to be kept, and what one takes beside its content.
_LARGEST, _BESIDE = 1_000_000, 2_500


@dataclass(frozen=True)
class Ready:
    """An answer as it is sent, and what the log says of it."""

    response: Response
    told: Mapping[str, Any]


class Kept:
    """Answers by their tag, up to a number of bytes."""

    def __init__(self, megabytes: int) -> None:
        self._answers: KeptOf[str, Ready] = KeptOf(megabytes * 1_000_000, _LARGEST + _BESIDE)

    def get(self, tag: str, of: str) -> Ready | None:
        """Give the answer of a tag."""
        return self._answers.get(of, tag)

    def keep(self, tag: str, answer: Ready, of: str) -> None:
        """Keep an answer that is not too large, with others `of` the same generation and policy alone."""
        self._answers.put(of, tag, answer, len(answer.response.body) + _BESIDE)


def tag_of(*parts: str) -> str:
    """Give the entity tag of an answer: it differs where one of these differs."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def is_any(header: str) -> bool:
    """Tell whether a client wants no answer that there is, whichever that be: If-None-Match: *."""
    return header.strip() == "*"


def is_known(tag: str, header: str) -> bool:
    """Tell whether a client has the answer of a tag already, by its If-None-Match."""
    if not header:
        return False
    known = (text.strip().removeprefix("W/") for text in header.split(","))
    return f'"{tag}"' in known
