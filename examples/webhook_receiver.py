"""Be told of what has ended: python examples/webhook_receiver.py SECRETS [PORT].

SECRETS is a file with the service's secret (GET /webhooks/secret); while it is changed, a line for
each of the two. The service tells only hosts that APP_WEBHOOK_ALLOW names, over HTTPS: put a proxy
in front.
"""
# ruff: noqa: INP001, T201 - a script

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from app.client import verify_webhook
from app.client.errors import InvalidWebhook

LONGEST = 1024 * 1024
SECRETS = Path(sys.argv[1]).read_text(encoding="utf-8").split()
seen: set[str] = set()


class Receiver(BaseHTTPRequestHandler):
    """Takes deliveries; what it does about one should be quick, or be done later."""

    def do_POST(self) -> None:
        """Believe a delivery that is signed, once."""
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(min(length, LONGEST))
        try:
            event = verify_webhook(body, dict(self.headers), SECRETS)
        except InvalidWebhook as error:
            self._answer(400, f"refused: {error}")
            return
        # The service repeats what it did not see answered.
        if self.headers["webhook-id"] not in seen:
            seen.add(self.headers["webhook-id"])
            print(f"{event['type']}: {event['data']['id']}", flush=True)
        self._answer(204)

    def _answer(self, status: int, text: str = "") -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())


with HTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 8900), Receiver) as server:
    print(f"listening on port {server.server_port}", flush=True)
    server.serve_forever()
