# No login; a web component: contenteditable in a shadow root, a search box outside; SSE in the POST's reply.
serve() { export MODULES="$NODE/node_modules"; exec "$PYTHON" "$HERE/app.py"; }
