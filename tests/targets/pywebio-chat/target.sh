# PyWebIO: fields that the server asks for one after the other, also the chat's; a wrong password is told by a toast alone; questions stand in an alert.
user=harbour password='Web-io-pass-12'
serve() { exec "$VENV/bin/python" "$HERE/app.py"; }
