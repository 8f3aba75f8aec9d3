"""A water board's desk: signs in elsewhere, and answers each question with a new document, as web apps did before scripts."""

import os
import signal
import socket
import subprocess
import sys
import uuid

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, render_template_string, request, session, url_for
from markdown import markdown
from markupsafe import Markup

from echo_model import stream

PORT = int(os.environ["PORT"])
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    OP_PORT = free.getsockname()[1]
ADDRESS, OP = f"http://127.0.0.1:{PORT}", f"http://localhost:{OP_PORT}"
provider = subprocess.Popen(
    ["node", os.environ["OP"]], stdin=subprocess.PIPE, env={**os.environ, "OP_PORT": str(OP_PORT), "APP_ADDRESS": ADDRESS}
)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

app = Flask(__name__)
app.config.update(SECRET_KEY="only-for-tests-on-loopback", SESSION_COOKIE_NAME="water")
oauth = OAuth(app)
oauth.register(
    "citizen",
    client_id="desk",
    client_secret="only-for-tests-on-loopback",
    server_metadata_url=OP + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid email"},
)
conversations = {}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Water board</title>
<style>body { font-family: sans-serif; max-width: 44rem; margin: 1rem auto } textarea { width: 100% }</style>
<header><a href="/">Water board</a> {{ name }} <a href="/out">Sign out</a></header>
<h1>Water board</h1>
<table>{% for who, said in turns %}<tr><th scope="row">{{ who }}</th><td>{{ said }}</td></tr>{% endfor %}</table>
<form method="post" action="{{ url_for('ask', number=number) }}">
<p><label for="q">Your question</label><br><textarea id="q" name="q" rows="4" required></textarea></p>
<p><input type="submit" value="Submit"></p></form>
<p><a href="/">New enquiry</a></p>"""
DOOR = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Water board</title><h1>Water board</h1>
<p>{{ said }}</p><p>To ask the board something, sign in with your citizen account.</p>
<p><a href="/in">Sign in</a> or <a href="/about">read about us</a>.</p>"""


def shown(asked, answers):
    for question, answer in zip(asked, answers):
        yield "You", question
        yield "Board", Markup(markdown(answer, extensions=["fenced_code", "tables", "sane_lists"]))


@app.get("/")
def home():
    if "name" not in session:
        return render_template_string(DOOR, said="")
    return render_template_string(PAGE, name=session["name"], turns=[], number=uuid.uuid4().hex[:12])


@app.get("/in")
def sign_in():
    return oauth.citizen.authorize_redirect(ADDRESS + url_for("callback"))


@app.get("/callback")
def callback():
    try:
        token = oauth.citizen.authorize_access_token()
    except OAuthError as error:
        return render_template_string(DOOR, said=f"The citizen account says: {error.description}")
    session["name"] = token["userinfo"]["sub"]
    return redirect("/")


@app.get("/out")
def sign_out():
    session.clear()
    return redirect("/")


@app.post("/enquiry/<number>")
def ask(number):
    if "name" not in session:
        return redirect("/")
    asked, answers = conversations.setdefault(number, ([], []))
    asked.append(request.form["q"].replace("\r\n", "\n").strip())
    answers.append("".join(stream(asked)))
    return redirect(url_for("enquiry", number=number), 303)


@app.get("/enquiry/<number>")
def enquiry(number):
    if "name" not in session or number not in conversations:
        return redirect("/")
    return render_template_string(PAGE, name=session["name"], turns=shown(*conversations[number]), number=number)


try:
    app.run("127.0.0.1", PORT, threaded=True)
finally:
    provider.stdin.close()
    provider.wait(5)
