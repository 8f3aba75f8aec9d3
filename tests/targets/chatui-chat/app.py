"""Serves a page made of the published React library, and the address that answers in one piece."""

import json
import os
import pathlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from echo_model import stream

MODULES = pathlib.Path(os.environ["MODULES"])
FILES = {
    "/react.js": "react/umd/react.production.min.js",
    "/react-dom.js": "react-dom/umd/react-dom.production.min.js",
    "/kit.js": "@chatui/core/dist/index.js",
    "/kit.css": "@chatui/core/dist/index.css",
}
PAGE = pathlib.Path(__file__).with_name("page.html").read_bytes()


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
        elif self.path in FILES:
            kind = "text/css" if self.path.endswith("css") else "text/javascript; charset=utf-8"
            self.reply(200, kind, (MODULES / FILES[self.path]).read_bytes())
        else:
            self.reply(404, "text/plain", b"not here")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = "".join(stream(asked))
        self.reply(200, "application/json", json.dumps({"code": 0, "data": {"reply": answer}}).encode())


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
