import os

import mesop
from mesop import labs
from werkzeug.serving import run_simple

from echo_model import stream


@mesop.page(path="/", title="Mountain hut")
def page():
    def reply(question, history):
        before = [turn.content for turn in history if turn.role == "user"]
        yield from stream(before if before and before[-1] == question else [*before, question])

    labs.chat(reply, title="Mountain hut", bot_user="Hut")


run_simple("127.0.0.1", int(os.environ["PORT"]), mesop.create_wsgi_app(), threaded=True)
