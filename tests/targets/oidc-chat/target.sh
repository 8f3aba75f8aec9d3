# Sign-in at another site (oidc-provider): the way there, the form, then what lets the app in, with Cancel before Continue. The chat is a form
# whose every answer is a new document.
user=rosa@example.com password='Oidc-pass-10'
serve() { export MODULES="$NODE/node_modules" OP="$HERE/provider.mjs"; exec "$VENV/bin/python" "$HERE/app.py"; }
