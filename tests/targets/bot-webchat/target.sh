# No login; Bot Framework page over Direct Line by polling that never ends; a live region says everything twice.
serve() { export MODULES="$NODE/node_modules"; exec "$PYTHON" "$HERE/app.py"; }
