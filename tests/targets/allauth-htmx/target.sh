# django-allauth in French: e-mail, password, "remember me", a second button that mails a code, another service; then a chat of htmx, whose
# server sends HTML, polled for until the answer is complete.
user=amelie@example.com password='Allauth-pass-15'
serve() { "$VENV/bin/python" "$HERE/app.py" prepare && exec "$VENV/bin/python" "$HERE/app.py" serve; }
