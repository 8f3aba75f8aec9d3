# Inputs that have only an aria-label, no form; one-line chat input without a send button; socket.io.
user=linus password='Nicegui-pass-3'
serve() {
  export NICEGUI_STORAGE_PATH="$DATA/storage"
  exec "$VENV/bin/python" "$HERE/app.py"
}
