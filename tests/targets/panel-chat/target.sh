# A form login page, then a chat whose every widget sits in shadow roots; answers as patches in WebSocket frames.
user=hedy password='Panel-pass-6'
serve() { exec "$VENV/bin/python" "$HERE/app.py"; }
