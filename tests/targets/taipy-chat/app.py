"""Taipy's login and chat controls, as its manual puts them on a page."""

import os

import taipy.gui.builder as tgb
from taipy.gui import Gui

from echo_model import stream

ACCOUNT = [os.environ["APP_USER"], os.environ["APP_PASSWORD"]]
user, message, messages, users = "", "", [], ["You", "Tara's desk"]


def on_login(state, _, payload):
    if payload["args"][:2] == ACCOUNT:
        state.user = ACCOUNT[0]
    else:
        state.message = "The user name or the password is not valid."


def on_message(state, _, payload):
    question, sender = payload["args"][2:4]
    state.messages = [*state.messages, (str(len(state.messages)), question, sender)]
    before, said = list(state.messages), ""
    asked = [text for _, text, who in before if who == users[0]]
    for piece in stream(asked):
        said += piece
        state.messages = [*before, (str(len(before)), said, users[1])]


def reset(state):
    state.messages = []


with tgb.Page() as page:
    with tgb.part(render="{user == ''}"):
        tgb.login("Tara's desk", on_action=on_login, message="{message}")
    with tgb.part(render="{user != ''}"):
        tgb.text("# Tara's desk", mode="md")
        tgb.button("New Conversation", on_action=reset)
        tgb.chat("{messages}", users="{users}", sender_id=users[0], on_action=on_message, show_sender=True, height="70vh")

Gui(page=page).run(host="127.0.0.1", port=int(os.environ["PORT"]), run_browser=False, debug=False, use_reloader=False, title="Tara's desk", dark_mode=False)
