"""Agents ask here: the Model Context Protocol, over standard input and output or HTTP.

Nothing is imported with this package: the library of the protocol takes half a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plumbline.serving.mcp.web import McpApp


def mount(served: Any) -> McpApp:
    """Give the app of a company that is served over HTTP: for exactly one path, as a route.

    `served` has `desk`, `gate.asker(headers)` with `principal` and `token`, `auditor` and `limits.seconds`.
    """
    from plumbline.serving.mcp.web import McpApp

    return McpApp(
        served.desk,
        served.gate.asker,
        auditor=served.auditor,
        seconds=served.limits.seconds,
    )
