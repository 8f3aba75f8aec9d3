# Auth.js: its own page with "Sign in with GitHub" above e-mail and password; the chat is made of assistant-ui's primitives, with edit, reload
# and copy at every message and a list of suggestions.
user=ruth@example.com password='Authjs-pass-14'
serve() { export MODULES="$NODE/node_modules" MODEL="$HERE/../echo_model.mjs"; exec node "$HERE/server.mjs"; }
