"""A chat as PyWebIO's own demo has it, behind `basic_auth` of its companion package."""

import itertools
import os

from pywebio import start_server
from pywebio.input import actions, input, input_group, textarea
from pywebio.output import clear, put_info, put_loading, put_markdown, put_text, use_scope
from pywebio.pin import put_select
from pywebio.session import set_env
from pywebio_battery import basic_auth

from echo_model import stream

ACCOUNT = (os.environ["APP_USER"], os.environ["APP_PASSWORD"])


def main():
    """Harbour office"""
    set_env(title="Harbour office", input_panel_fixed=False, output_animation=False)
    put_markdown("# Harbour office\nReload the page to open a new chat.")
    basic_auth(lambda *account: account == ACCOUNT, secret="only-for-tests-on-loopback")
    put_select("model", ["tide-1", "tide-2-mini"], label="Model")
    asked = []
    for number in itertools.count():
        form = input_group("", [
            input(name="words", placeholder="Ask the harbour office"),
            actions(name="command", buttons=["Send", "Multi-line Input"]),
        ])
        question = textarea(value=form["words"]) if form["command"] == "Multi-line Input" else form["words"]
        if not question:
            continue
        asked.append(question)
        put_info(put_text(question, inline=True))
        with use_scope(f"reply-{number}"):
            put_loading("grow", "info")
            pieces = stream(asked)
            said = [next(pieces)]
            clear()
            put_text(said[0], inline=True)
            for piece in pieces:
                said.append(piece)
                put_text(piece, inline=True)
            clear()
            put_markdown("".join(said))


start_server(main, host="127.0.0.1", port=int(os.environ["PORT"]), cdn=False)
