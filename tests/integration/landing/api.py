"""A real HTTP server with a small REST API: pages in every style, credentials, and scripted trouble."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Api:
    """What the server serves: rows by endpoint; `script` holds answers to give first, in order."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    script: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    token: str | None = None
    base: str = ""
    page_size: int = 2

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]

    def answer(self, path: str, query: dict[str, str], authorization: str) -> Answer:
        """Answer one request."""
        self.asked.append((path, query, authorization))
        if self.script:
            return self.script.pop(0)
        if self.token and authorization != f"Bearer {self.token}":
            return 401, {}, b"{}"
        name = path.strip("/")
        if name in self.bodies:
            return 200, {"Content-Type": "application/json"}, self.bodies[name]
        if name not in self.rows:
            return 404, {}, b"{}"
        return self._page(name, query)

    def _page(self, name: str, query: dict[str, str]) -> Answer:
        rows = self.rows[name]
        since = query.get("modified_since")
        if since:
            rows = [row for row in rows if row["ModifiedDate"] >= since]
        size = int(query.get("limit", query.get("per_page", self.page_size)))
        start = int(query.get("offset", query.get("cursor", (int(query.get("page", 1)) - 1) * size)))
        page = rows[start : start + size]
        more = start + size < len(rows)
        following = f"{self.base}/{name}?{urlencode({**query, 'cursor': start + size})}"
        content = {
            "items": page,
            "next_cursor": str(start + size) if more else None,
            "next": following if more else None,
            "total": len(rows),
        }
        headers = {"Link": f'<{following}>; rel="next"'} if more else {}
        return 200, headers, json.dumps(content).encode()


@contextmanager
def serving(api: Api) -> Iterator[Api]:
    """Serve an API on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            authorization = self.headers.get("Authorization", "")
            self._send(api.answer(parts.path, dict(parse_qsl(parts.query)), authorization))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._send(api.answer(urlsplit(self.path).path, dict(parse_qsl(body)), ""))

        def _send(self, answer: Answer) -> None:
            status, headers, body = answer
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    api.base = f"http://127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
