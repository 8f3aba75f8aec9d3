# A form of widgets without a form element, whose sign-in a reload forgets; answers as protobuf in binary WebSocket frames.
user=nora password='Streamlit-pass-7'
serve() {
  exec "$VENV/bin/streamlit" run "$HERE/app.py" --server.address 127.0.0.1 --server.port "$PORT" --server.headless true \
    --browser.gatherUsageStats false --server.fileWatcherType none --client.toolbarMode viewer
}
