"""Bundles the shop page, and serves it and the answers, each at once."""

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
PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Bea's bulbs</title><link rel="stylesheet" href="/page.css">
<style>body { font-family: sans-serif; max-width: 60rem; margin: 2rem auto }</style>
<header><form role="search"><input type="search" name="q" placeholder="Search bulbs"> <button>Search</button></form></header>
<h1>Bea's bulbs</h1><p>Tulips, crocuses and snowdrops, sent in September.</p>
<form><label>Our newsletter <input type="email" name="news" placeholder="you@example.com"></label> <button>Subscribe</button></form>
<div id="root"></div><script src="/page.js"></script>"""
TYPES = {"/page.js": "text/javascript; charset=utf-8", "/page.css": "text/css; charset=utf-8"}


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
        elif self.path in TYPES:
            self.reply(200, TYPES[self.path], BUNDLE.with_name(self.path[1:]).read_bytes())
        else:
            self.reply(404, "text/plain", b"not here")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.reply(200, "application/json", json.dumps({"answer": "".join(stream(asked))}).encode())


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
