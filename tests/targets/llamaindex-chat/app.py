"""Bundles the single-page app, and serves it, its tokens, and the AI SDK's stream of a message's parts."""

import json
import os
import pathlib
import secrets
import subprocess
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from echo_model import stream

MODULES, DATA, HERE = pathlib.Path(os.environ["MODULES"]), pathlib.Path(os.environ["DATA"]), pathlib.Path(__file__).parent
ACCOUNT = (os.environ["APP_USER"], os.environ["APP_PASSWORD"])
(DATA / "style.css").write_text(
    f'@import "{MODULES}/tailwindcss/index.css";\n@source "{MODULES}/@llamaindex/chat-ui/dist";\n@source "{HERE}";\n'
    "@theme { --color-background: #fff; --color-foreground: #111; --color-primary: #225; --color-primary-foreground: #fff;"
    " --color-muted: #eee; --color-muted-foreground: #666; --color-border: #ccc; --color-input: #ccc; --color-ring: #225;"
    " --color-accent: #eef; --color-accent-foreground: #111; --color-secondary: #eee; --color-secondary-foreground: #111 }\n"
)
for command in (
    [MODULES / ".bin/esbuild", HERE / "page.jsx", "--bundle", "--minify", "--jsx=automatic", "--log-level=error", '--define:process.env.NODE_ENV="production"',
     "--loader:.woff2=dataurl", "--loader:.woff=dataurl", "--loader:.ttf=dataurl", f"--outfile={DATA}/page.js"],
    [MODULES / ".bin/tailwindcss", "-i", DATA / "style.css", "-o", DATA / "site.css"],
):
    subprocess.run(command, check=True, env={**os.environ, "NODE_PATH": str(MODULES)}, cwd=MODULES.parent)
PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Llama lane</title><link rel="stylesheet" href="/page.css">
<link rel="stylesheet" href="/site.css"><div id="root"></div><script src="/page.js"></script>"""
FILES = {"/page.js": "text/javascript; charset=utf-8", "/page.css": "text/css; charset=utf-8", "/site.css": "text/css; charset=utf-8"}
tokens = set()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def say(self, status, value):
        self.reply(status, "application/json", json.dumps(value).encode())

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/":
            self.reply(200, "text/html; charset=utf-8", PAGE)
        elif path in FILES and (DATA / path[1:]).exists():
            self.reply(200, FILES[path], (DATA / path[1:]).read_bytes())
        else:
            self.reply(404, "text/plain", b"not here")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/login":
            time.sleep(0.4)  # as long as hashing a password takes
            if (body.get("name"), body.get("password")) != ACCOUNT:
                return self.say(400, {"ok": False})
            token = secrets.token_hex(16)
            tokens.add(token)
            return self.say(200, {"ok": True, "token": token})
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in tokens:
            return self.say(401, {"error": "no token"})
        asked = ["".join(part.get("text", "") for part in turn["parts"]) for turn in body["messages"] if turn["role"] == "user"]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("x-vercel-ai-ui-message-stream", "v1")
        self.end_headers()

        def event(value):
            self.wfile.write(f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode())
            self.wfile.flush()

        try:
            event({"type": "start", "messageId": secrets.token_hex(8)})
            event({"type": "text-start", "id": "0"})
            for piece in stream(asked):
                event({"type": "text-delta", "id": "0", "delta": piece})
            for value in ({"type": "text-end", "id": "0"}, {"type": "finish"}, "[DONE]"):
                event(value)
        except OSError:
            pass  # the page went away


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
