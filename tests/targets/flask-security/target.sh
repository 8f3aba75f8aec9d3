# Flask-Security: e-mail and password with "remember me", then a code beside a second form for those who lost theirs; answers as several messages.
user=olga@example.com password='Flask-pass-9' totp=KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU
serve() { exec "$VENV/bin/python" "$HERE/app.py"; }
