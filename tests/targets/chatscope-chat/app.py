"""Serves a page made of the published React chat kit; the page polls for its answer."""

import itertools
import json
import os
import pathlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from echo_model import stream

MODULES = pathlib.Path(os.environ["MODULES"])
FILES = {
    "/react.js": "react/umd/react.production.min.js",
    "/react-dom.js": "react-dom/umd/react-dom.production.min.js",
    "/prop-types.js": "prop-types/prop-types.min.js",
    "/kit.js": "@chatscope/chat-ui-kit-react/dist/chat-ui-kit-react.min.js",
    "/marked.js": "marked/lib/marked.umd.js",
    "/kit.css": "@chatscope/chat-ui-kit-styles/dist/default/styles.min.css",
}
PAGE = pathlib.Path(__file__).with_name("page.html").read_bytes()
answers, numbers = {}, itertools.count(1)


def work(number, asked):
    for piece in stream(asked):
        answers[number]["text"] += piece
    answers[number]["done"] = True


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/":
            self.reply(200, "text/html; charset=utf-8", PAGE)
        elif self.path in FILES:
            kind = "text/css" if self.path.endswith("css") else "text/javascript"
            self.reply(200, kind, (MODULES / FILES[self.path]).read_bytes())
        elif self.path.startswith("/answer/"):
            self.reply(200, "application/json", json.dumps(answers[int(self.path[8:])]).encode())
        else:
            self.reply(404, "text/plain", b"not here")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        number = next(numbers)
        answers[number] = {"text": "", "done": False}
        threading.Thread(target=work, args=(number, asked), daemon=True).start()
        self.reply(200, "application/json", json.dumps(number).encode())


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
