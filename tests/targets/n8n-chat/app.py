"""Serves a shop's page with the published chat bubble, and the webhook that it calls."""

import json
import os
import pathlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from echo_model import stream

DIST = pathlib.Path(os.environ["MODULES"], "@n8n/chat/dist")
KINDS = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css"}
PAGE = pathlib.Path(__file__).with_name("page.html").read_bytes()
conversations = {}


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/":
            self.reply(200, "text/html; charset=utf-8", PAGE)
            return
        file = DIST / pathlib.PurePosixPath(self.path).name
        if self.path.startswith("/chat/") and file.is_file():
            self.reply(200, KINDS.get(file.suffix, "application/octet-stream"), file.read_bytes())
        else:
            self.reply(404, "text/plain", b"not here")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = conversations.setdefault(body["sessionId"], [])
        asked.append(body["chatInput"])
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.end_headers()

        def line(kind, **more):
            facts = {"type": kind, "metadata": {"nodeId": "n1", "nodeName": "Agent", "runIndex": 0, "itemIndex": 0}}
            self.wfile.write((json.dumps({**facts, **more}) + "\n").encode())
            self.wfile.flush()

        try:
            line("begin")
            for piece in stream(asked):
                line("item", content=piece)
            line("end")
        except OSError:
            pass  # the page went away


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
