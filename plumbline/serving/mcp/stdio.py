"""The protocol over standard input and output: one client, who started this process."""

from __future__ import annotations

import anyio
from mcp.server.stdio import stdio_server

from plumbline.access import Principal
from plumbline.serving.desk import Desk
from plumbline.serving.mcp.room import Auditor
from plumbline.serving.mcp.server import Ways, build_server


def run_stdio(
    desk: Desk, principal: Principal | None = None, *, auditor: Auditor | None = None, seconds: float = 30.0
) -> None:
    """Serve until standard input ends. Whatever else would be printed goes to standard error."""
    server = build_server(Ways(desk, lambda context: principal, auditor, seconds))

    async def serve() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    anyio.run(serve)
