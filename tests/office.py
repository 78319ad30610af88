"""A server on loopback that tells its users apart, by header or by client certificate."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Office:
    """A server that lets each user see only what lies below the user's own name, and says who came."""

    port: int
    scheme: str
    came: list[tuple[str, str]] = field(default_factory=list)
    """Paths, and the users who asked for them; `nobody` without credentials."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def who_asked(self, path: str) -> set[str]:
        return {user for asked, user in self.came if asked == path}


@contextlib.contextmanager
def office(tls: ssl.SSLContext | None = None) -> Iterator[Office]:
    """`/USER/moved?to=URL` redirects; `/USER/list?next=URL` has the URL as `next` in its answer."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            user = self.user()
            open_.came.append((parts.path, user))
            allowed = parts.path.startswith((f"/{user}/", "/nobody/"))
            status = 403 if not allowed else 302 if "to" in query else 200
            body = json.dumps({"next": query.get("next", "")}).encode()
            self.send_response(status)
            if "to" in query:
                self.send_header("Location", query["to"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def user(self) -> str:
            certificate: Any = self.connection.getpeercert() if tls else None  # type: ignore[attr-defined]
            if certificate:
                return str(dict(pair for (pair,) in certificate["subject"])["commonName"])
            return self.headers.get("Authorization", "Bearer nobody").removeprefix("Bearer ")

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # clients leave whenever they like

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        open_ = Office(server.server_port, "http" if tls is None else "https")
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield open_
        finally:
            server.shutdown()
            serving.join()
