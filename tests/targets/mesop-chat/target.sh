# No login; Angular, drawn anew from protobuf that comes as server-sent events in the reply of a POST.
serve() { exec "$VENV/bin/python" "$HERE/app.py"; }
