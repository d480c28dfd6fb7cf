"""HEAD answers as GET does, without the body."""

from __future__ import annotations

from plumbline.serving.http.guard import Application, Message, Receive, Scope, Send


class Head:
    """Asks the application as GET does, and sends the head alone; what is mounted answers for itself."""

    def __init__(self, app: Application, mounted: tuple[str, ...] = ()) -> None:
        self._inner = app
        self._mounted = mounted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"] in self._mounted:
            await self._inner(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        asked = {**scope, "method": "GET"}
        try:
            await self._inner(asked, receive, send_head)
        finally:
            # The log names the route that was asked.
            scope["route"] = asked.get("route")
