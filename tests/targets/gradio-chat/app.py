import os

import gradio

from echo_model import stream


def words(content):
    if isinstance(content, list):
        return " ".join(part.get("text", "") if isinstance(part, dict) else str(part) for part in content)
    return content or ""


def reply(question, history):
    asked = [words(turn["content"]) for turn in history if turn["role"] == "user"]
    shown = ""
    for piece in stream([*asked, words(question)]):
        shown += piece
        yield shown


gradio.ChatInterface(reply, title="Orchard help").launch(
    server_name="127.0.0.1",
    server_port=int(os.environ["PORT"]),
    auth=[(os.environ["APP_USER"], os.environ["APP_PASSWORD"])],
    share=False,
    quiet=True,
)
