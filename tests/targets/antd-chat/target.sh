# No login; React, bundled; a list of conversations, a note of how long it thought, the answer typed out by a timer after it has come.
serve() { export MODULES="$NODE/node_modules"; exec "$PYTHON" "$HERE/app.py"; }
