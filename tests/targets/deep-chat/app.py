"""Serves the published web component and the streaming endpoint that it calls."""

import json
import os
import pathlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from echo_model import stream

SCRIPT = pathlib.Path(os.environ["MODULES"], "deep-chat/dist/deepChat.bundle.js").read_bytes()
PAGE = """<!doctype html><meta charset="utf-8"><title>Garden shop</title>
<script type="module" src="/chat.js"></script>
<header><input type="search" placeholder="Search the shop"></header>
<h1>Garden shop</h1>
<deep-chat style="width: 40rem; height: 32rem" connect='{"url": "/ask", "stream": true}'
 requestBodyLimits='{"maxMessages": -1}' introMessage='{"text": "Ask us about gardens."}'></deep-chat>"""


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
            self.reply(200, "text/html; charset=utf-8", PAGE.encode())
        elif self.path == "/chat.js":
            self.reply(200, "text/javascript", SCRIPT)
        else:
            self.reply(404, "text/plain", b"not here")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = [turn["text"] for turn in body["messages"] if turn["role"] == "user"]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            for piece in stream(asked):
                self.wfile.write(f"data: {json.dumps({'text': piece})}\n\n".encode())
                self.wfile.flush()
        except OSError:
            pass  # the page went away


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
