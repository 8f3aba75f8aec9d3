# A page that asks for a password alone; the chat's box is a code editor.
password='Marimo-pass-8'
serve() {
  exec "$VENV/bin/marimo" -y --log-level WARN run "$HERE/app.py" --headless --host 127.0.0.1 --port "$PORT" --token --token-password "$APP_PASSWORD"
}
