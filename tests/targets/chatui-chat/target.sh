# No login, Chinese; the send button appears with the typing; the whole answer by XHR.
serve() { export MODULES="$NODE/node_modules"; exec "$PYTHON" "$HERE/app.py"; }
