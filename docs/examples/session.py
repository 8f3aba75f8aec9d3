#!/usr/bin/env python3
"""Asks a chat page over a chat session's WebSocket, and goes on where it was when the connection breaks.

    pip install websockets
    ADDRESS=http://127.0.0.1:7080 API_KEY=ct_… python3 session.py helpdesk "How do I reset my password?" "And my user name?"
"""

import asyncio
import json
import os
import sys
import urllib.request
import uuid

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

ADDRESS, API_KEY = os.environ["ADDRESS"], os.environ["API_KEY"]
HEADERS = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}


def open_session(model):
    body = json.dumps({"model": model}).encode()
    request = urllib.request.Request(f"{ADDRESS}/api/v1/sessions", body, HEADERS)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["id"]


class Session:
    def __init__(self, session_id):
        self.url = f"{ADDRESS.replace('http', 'ws', 1)}/ws/sessions/{session_id}"
        self.seq = 0

    async def ask(self, question):
        # The same id, however often it is said: the question is typed once.
        message = {"type": "SEND_MESSAGE", "id": str(uuid.uuid4()), "message": question}
        while True:
            try:
                return await self.converse(message)
            except (ConnectionClosed, OSError) as error:
                print(f"\n({error}; connecting again)", file=sys.stderr)
                await asyncio.sleep(1)

    async def converse(self, message):
        async with connect(f"{self.url}?after={self.seq}", additional_headers=HEADERS, max_size=None) as socket:
            await socket.send(json.dumps(message))
            async for text in socket:
                frame = json.loads(text)
                self.seq = frame.get("seq", self.seq)
                if frame["type"] == "RESPONSE_CHUNK":
                    print(frame["chunk"], end="", flush=True)
                elif frame["type"] == "RESPONSE_COMPLETE" and frame["messageId"] == message["id"]:
                    print()
                    return frame["fullResponse"]
                elif frame["type"] == "ERROR":
                    print(f"\n{frame['error']['code']}: {frame['error']['message']}", file=sys.stderr)
                    if frame["final"]:
                        sys.exit(1)


async def main():
    session = Session(open_session(sys.argv[1]))
    for question in sys.argv[2:]:
        print(f"> {question}")
        await session.ask(question)


asyncio.run(main())
