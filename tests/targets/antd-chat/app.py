"""Bundles the page with the published components, and serves it and the stream that it reads."""

import json
import os
import pathlib
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from echo_model import stream

MODULES = pathlib.Path(os.environ["MODULES"])
BUNDLE = pathlib.Path(os.environ["DATA"], "page.js")
subprocess.run(
    [
        MODULES / ".bin/esbuild",
        pathlib.Path(__file__).with_name("page.jsx"),
        "--bundle",
        "--minify",
        "--jsx=automatic",
        "--log-level=warning",
        '--define:process.env.NODE_ENV="production"',
        f"--outfile={BUNDLE}",
    ],
    check=True,
    env={**os.environ, "NODE_PATH": str(MODULES)},
)
PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Museum guide</title>
<style>html, body, #root { height: 100%; margin: 0; font-family: sans-serif }</style><div id="root"></div><script src="/page.js"></script>"""


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
        elif self.path == "/page.js":
            self.reply(200, "text/javascript; charset=utf-8", BUNDLE.read_bytes())
        else:
            self.reply(404, "text/plain", b"not here")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            for piece in stream(asked):
                self.wfile.write(f"event: piece\ndata: {json.dumps(piece)}\n\n".encode())
                self.wfile.flush()
        except OSError:
            pass  # the page went away


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
