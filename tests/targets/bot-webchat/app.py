"""Serves a page with the published Bot Framework chat, and as much of Direct Line as it needs."""

import itertools
import json
import os
import pathlib
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from echo_model import stream

SCRIPT = pathlib.Path(os.environ["MODULES"], "botframework-webchat/dist/webchat.js").read_bytes()
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Ferry desk</title>
<style>html, body { height: 100%; margin: 0 } #chat { height: 100% }</style>
<div id="chat" role="main"></div><script src="/webchat.js"></script>
<script>
WebChat.renderWebChat({
  directLine: WebChat.createDirectLine({ secret: "none", domain: location.origin + "/directline", webSocket: false, pollingInterval: 300 }),
  userID: "traveller", username: "Traveller", styleOptions: { botAvatarInitials: "FD", userAvatarInitials: "Me" },
}, document.getElementById("chat"));
</script>"""
BOT = {"id": "desk", "name": "Ferry desk", "role": "bot"}
conversations, numbers = {}, itertools.count(1)


class Conversation:
    def __init__(self):
        self.name, self.activities, self.asked = f"c{next(numbers)}", [], []
        self.say(type="message", text="Welcome aboard. Where to?")

    def say(self, sender=BOT, **activity):
        number = len(self.activities)
        self.activities.append(
            {
                **activity,
                # Without it the page puts the second streamed answer of a conversation before the first.
                "channelData": {**activity.get("channelData", {}), "webchat:sequence-id": number + 1},
                "id": f"{self.name}|{number:07}",
                "from": sender,
                "conversation": {"id": self.name},
                "channelId": "directline",
                "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
        )
        return self.activities[-1]["id"]

    def reply(self, question):
        """A live stream: typing activities that hold all of the text so far, then the message."""
        text, sequence, first = "", itertools.count(1), None
        for piece in stream(self.asked):
            text += piece
            facts = {"streamType": "streaming", "streamSequence": next(sequence), **({"streamId": first} if first else {})}
            said = self.say(type="typing", replyToId=question, text=text, textFormat="markdown", channelData=facts)
            first = first or said
        self.say(type="message", replyToId=question, text=text, textFormat="markdown", channelData={"streamType": "final", "streamId": first})


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def json(self, status, value):
        self.reply(status, "application/json", json.dumps(value).encode())

    def do_GET(self):
        address = urlsplit(self.path)
        parts = address.path.strip("/").split("/")
        if address.path == "/":
            self.reply(200, "text/html; charset=utf-8", PAGE.encode())
        elif address.path == "/webchat.js":
            self.reply(200, "text/javascript; charset=utf-8", SCRIPT)
        elif parts[0] == "directline" and len(parts) == 4 and parts[2] in conversations:
            told = int(parse_qs(address.query).get("watermark", ["0"])[0] or 0)
            all_of_them = conversations[parts[2]].activities
            self.json(200, {"activities": all_of_them[told:], "watermark": str(len(all_of_them))})
        else:
            self.json(404, {"error": {"code": "NotFound", "message": "not here"}})

    def do_POST(self):
        parts = urlsplit(self.path).path.strip("/").split("/")
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        if parts[-1] in ("conversations", "refresh", "generate"):
            talk = Conversation()
            conversations[talk.name] = talk
            self.json(201, {"conversationId": talk.name, "token": "none", "expires_in": 1800})
            return
        talk = conversations[parts[2]]
        kept = {name: value for name, value in body.items() if name not in ("id", "timestamp", "from")}
        number = talk.say(sender=body.get("from") or {"id": "traveller", "role": "user"}, **kept)
        if body.get("type") == "message":
            talk.asked.append(body["text"])
            threading.Thread(target=talk.reply, args=(number,), daemon=True).start()
        self.json(200, {"id": number})


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
