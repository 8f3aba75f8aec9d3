"""A static web server as good ones are: ETag and Last-Modified, answers to conditional requests, connections that stay open. It counts what it is asked."""

import collections
import http.server
import mimetypes
import os
import socketserver
import threading
from urllib.parse import unquote, urlsplit


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = urlsplit(self.path).path
        file = os.path.join(self.server.root, unquote(path).lstrip("/"))
        if os.path.isdir(file) and not path.endswith("/"):
            return self.answer(path, 301, {"Location": path + "/"})
        if path.endswith("/"):
            file = os.path.join(file, "index.html")
        if ".." in path.split("/") or not os.path.isfile(file):
            return self.answer(path, 404, {})
        known = os.stat(file)
        tag = f'"{known.st_mtime_ns:x}-{known.st_size:x}"'
        heads = {"ETag": tag, "Last-Modified": self.date_time_string(known.st_mtime)}
        if self.headers.get("If-None-Match") == tag:
            return self.answer(path, 304, heads)
        heads["Content-Type"] = mimetypes.guess_type(file)[0] or "application/octet-stream"
        with open(file, "rb") as content:
            return self.answer(path, 200, heads, content.read())

    def answer(self, path, status, heads, body=b""):
        with self.server.counting:
            self.server.counts[status] += 1
            self.server.asked[path] += 1
        self.send_response(status)
        for name, value in heads.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, root):
        super().__init__(("127.0.0.1", 0), Site)
        self.root, self.counting = root, threading.Lock()
        self.forget()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def forget(self):
        self.counts, self.asked = collections.Counter(), collections.Counter()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"
