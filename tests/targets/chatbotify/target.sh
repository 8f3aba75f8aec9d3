# React ChatBotify on a shop's page: a bubble in the corner that wobbles and says "Chat with me!", a greeting with choices, a typing bubble,
# answers shown a letter at a time; and a search box and a newsletter outside of it.
serve() { export MODULES="$NODE/node_modules"; exec "$PYTHON" "$HERE/app.py"; }
