# Node-RED's editor: no chat, a sign-in alone, in a dialog that scripts make; the token is in local storage, and a tour comes up behind it.
user=nora password='Nodered-pass-20' chat=no
serve() { export MODULES="$NODE/node_modules"; exec "$NODE/node_modules/.bin/node-red" --userDir "$DATA" --settings "$HERE/settings.cjs" --port "$PORT"; }
