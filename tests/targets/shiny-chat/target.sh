# No login; custom elements in the light DOM, an icon button, answers in WebSocket text frames.
serve() { exec "$VENV/bin/python" "$HERE/app.py"; }
