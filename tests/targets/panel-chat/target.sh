# A form login page, then a chat whose every widget sits in shadow roots; answers as patches in WebSocket frames.
# While an answer is streamed, Panel counts an emoji of several parts as less than it is, and draws what follows over it: the page itself shows other letters.
misdrawn=emoji
user=hedy password='Panel-pass-6'
serve() { exec "$VENV/bin/python" "$HERE/app.py"; }
