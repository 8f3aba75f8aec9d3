# Gradio's own login page (no form element), answers over server-sent events.
user=ada password='Gradio-pass-1'
serve() {
  export GRADIO_ANALYTICS_ENABLED=False GRADIO_SSR_MODE=False GRADIO_TEMP_DIR="$DATA/tmp"
  exec "$VENV/bin/python" "$HERE/app.py"
}
