# A single-page app with its sign-in at #/login: fields in no form, a wrong password is told by a toast (sonner) that goes away, the token is in
# local storage. LlamaIndex's chat components with the AI SDK's useChat, styled by Tailwind.
user=lena password='Llama-pass-17'
serve() { export MODULES="$NODE/node_modules"; exec "$PYTHON" "$HERE/app.py"; }
