"""A Dash chat behind Flask-Login, whose form is in a dialog of the landing page."""

import os
import pathlib

import flask
from dash import Dash, Input, Output, State, callback, html
from dash_chat import ChatComponent
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user

from echo_model import stream

server = flask.Flask(__name__)
server.secret_key = "only-for-tests-on-loopback"
manager = LoginManager(server)
ACCOUNT = (os.environ["APP_USER"], os.environ["APP_PASSWORD"])
LANDING = pathlib.Path(__file__).with_name("landing.html").read_text()


class User(UserMixin):
    id = ACCOUNT[0]


@manager.user_loader
def load(name):
    return User() if name == User.id else None


@server.get("/")
def landing():
    return flask.redirect("/board/") if current_user.is_authenticated else LANDING


@server.post("/login")
def login():
    form = flask.request.get_json()
    if (form.get("email"), form.get("password")) != ACCOUNT:
        return flask.jsonify(message="Invalid email or password"), 401
    login_user(User(), remember=bool(form.get("remember")))
    return flask.jsonify(next="/board/")


@server.get("/logout")
@login_required
def logout():
    logout_user()
    return flask.redirect("/")


@server.before_request
def guard():
    if flask.request.path.startswith("/board/") and not current_user.is_authenticated:
        return flask.redirect("/") if flask.request.method == "GET" else flask.abort(401)


app = Dash(__name__, server=server, url_base_pathname="/board/", title="Delta board", serve_locally=True)
app.layout = html.Div([html.Nav([html.B("Delta board"), html.A("Log out", href="/logout", style={"float": "right"})]), ChatComponent(id="chat", messages=[])])


@callback(Output("chat", "messages"), Input("chat", "new_message"), State("chat", "messages"), prevent_initial_call=True)
def answer(new, messages):
    if not new or new["role"] != "user":
        return messages
    asked = [turn["content"] for turn in [*messages, new] if turn["role"] == "user"]
    return [*messages, new, {"role": "assistant", "content": "".join(stream(asked))}]


server.run("127.0.0.1", int(os.environ["PORT"]), threaded=True)
