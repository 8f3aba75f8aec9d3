# Express, Passport, CSRF token and flash messages: first "continue with …", then the form for those with an e-mail address. The chat is
# vue-advanced-chat, a web component with rooms, whose list repeats the last message; socket.io, a piece at a time.
user=pascal@example.com password='Passport-pass-16'
serve() { export MODULES="$NODE/node_modules" MODEL="$HERE/../echo_model.mjs"; exec node "$HERE/server.mjs"; }
