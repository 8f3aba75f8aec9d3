# No login; React kit with a contenteditable input in the light DOM; the answer comes by polling.
serve() { export MODULES="$NODE/node_modules"; exec "$PYTHON" "$HERE/app.py"; }
