"""What is refused before a request is read: what stands twice, and what no route knows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.requests import Request

from plumbline.errors import UsageError
from plumbline.serving.http.asked import LISTS

NO_SUCH = ("there is no such parameter", "GET /openapi.json names them all.")


async def require_once(request: Request) -> None:
    """Refuse a parameter that stands twice and is no list: one of its values would be passed over."""
    names = (name for name, _ in request.query_params.multi_items() if name not in LISTS)
    if (twice := _twice(names)) is not None:
        raise _bad("the parameter stands more than once", f"query {twice}", "Give it once.")


def only(*names: str) -> Callable[[Request], Awaitable[None]]:
    """Give what refuses all parameters but these."""

    async def require_known(request: Request) -> None:
        for name in request.query_params:
            if name not in names:
                what, todo = NO_SUCH
                raise _bad(what, f"query {name}", todo)

    return require_known


async def require_keys_once(request: Request) -> None:
    """Refuse a body in which a key stands twice: readers of JSON differ in which value counts."""

    def kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if (twice := _twice(name for name, _ in pairs)) is not None:
            raise _bad("the key stands more than once", f"body {twice}", "Give it once.")
        return dict(pairs)

    try:
        json.loads(await request.body() or b"null", object_pairs_hook=kept)
    except (ValueError, RecursionError):
        # What is no JSON is refused where the body is read.
        return


def _twice(names: Iterable[str]) -> str | None:
    """Give the first name that stands more than once; None for none."""
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _bad(what: str, where: str, todo: str) -> UsageError:
    return UsageError(what, where=where[:200], todo=todo, code="bad-parameter")
