# Taipy: its login control, a dialog of MUI that is there from the beginning and is told what went wrong; its chat control, avatars and names beside
# each message, socket.io with a list that is drawn anew for every piece.
user=tara password='Taipy-pass-19'
serve() { exec "$VENV/bin/python" "$HERE/app.py"; }
