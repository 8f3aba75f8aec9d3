# No login, German; a bubble in the corner, then a button for a conversation, then the box; JSON lines in the reply of a POST.
serve() { export MODULES="$NODE/node_modules"; exec "$PYTHON" "$HERE/app.py"; }
