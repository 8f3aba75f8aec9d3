# A React login form whose user field has type text and name email; answers over socket.io.
user=grace password='Chainlit-pass-2'
serve() {
  export CHAINLIT_AUTH_SECRET=only-for-tests-on-loopback-0123456789abcdef CHAINLIT_APP_ROOT="$DATA"
  "$VENV/bin/chainlit" init >/dev/null 2>&1 || true
  sed -i.bak 's/^enable_telemetry *=.*/enable_telemetry = false/' .chainlit/config.toml 2>/dev/null || true
  exec "$VENV/bin/chainlit" run "$HERE/app.py" --headless --host 127.0.0.1 --port "$PORT"
}
