"""A small chat app with a login: the web page that the demo turns into an API.

It stands for a web app that has no API. What answers is not a language model
but the few lines of `reply`: they work out the arithmetic in a question and
say something about its words, one word at a time.

    PORT=8080 DEMO_PASSWORD=secret python app.py        user name: demo
"""

import ast
import asyncio
import operator
import os
import re

from fastapi.responses import RedirectResponse
from nicegui import app, ui

ACCOUNT = ("demo", os.environ["DEMO_PASSWORD"])
OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def work_out(node):
    """The value of an arithmetic expression; anything else is refused."""
    if isinstance(node, ast.Expression):
        return work_out(node.body)
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -work_out(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
        return OPERATIONS[type(node.op)](work_out(node.left), work_out(node.right))
    raise ValueError("not arithmetic")


def reply(question):
    """What the app answers, as Markdown."""
    lines = []
    for sum_ in re.findall(r"[\d(][\d\s.+*/()-]*[\d)]", question):
        if re.search(r"\d\s*[+*/-]\s*[\d(]", sum_):
            try:
                lines.append(f"- `{sum_.strip()}` is **{work_out(ast.parse(sum_.strip(), mode='eval')):,}**")
            except (ValueError, SyntaxError, ZeroDivisionError):
                lines.append(f"- `{sum_.strip()}` has no answer")
    words = re.findall(r"[^\W\d_]+", question)
    if words:
        lines.append(f"- your question has **{len(words)}** words, and the longest of them is *{max(words, key=len)}*")
    return "Here is what I can tell:\n\n" + "\n".join(lines or ["- nothing at all, I am afraid"])


@ui.page("/login")
def login():
    def submit():
        if (name.value, password.value) == ACCOUNT:
            app.storage.user["name"] = name.value
            ui.navigate.to("/")
        else:
            ui.notify("Wrong user name or password", type="negative")

    with ui.card().classes("absolute-center items-stretch w-80"):
        ui.label("Abacus").classes("text-2xl self-center")
        name = ui.input("User name").props("autocomplete=username")
        password = ui.input("Password", password=True).props("autocomplete=current-password")
        password.on("keydown.enter", submit)
        ui.button("Sign in", on_click=submit)


@ui.page("/")
def chat():
    if "name" not in app.storage.user:
        return RedirectResponse("/login")

    async def send():
        question = box.value.strip()
        if not question:
            return
        box.value = ""
        send_button.disable()
        with talk:
            ui.chat_message(text=question, name="You", sent=True)
            with ui.chat_message(name="Abacus") as bubble:
                answer = ui.markdown("")
                dots = ui.spinner(type="dots")
        for piece in re.findall(r"\S+\s*", reply(question)):
            await asyncio.sleep(0.06)
            answer.set_content(answer.content + piece)
        bubble.remove(dots)
        send_button.enable()

    ui.label("Abacus").classes("text-2xl self-center")
    talk = ui.column().classes("w-full max-w-2xl mx-auto items-stretch")
    with talk:
        ui.chat_message(text="Ask me a sum, or anything else.", name="Abacus")
    with ui.footer().classes("bg-white"), ui.row().classes("w-full max-w-2xl mx-auto items-center no-wrap"):
        box = ui.textarea(placeholder="Your question").props("outlined autogrow rows=1").classes("w-full")
        box.on("keydown.enter.exact.prevent", send)
        send_button = ui.button(icon="send", on_click=send).props("round flat").tooltip("Send")
    return None


ui.run(
    host="127.0.0.1",
    port=int(os.environ["PORT"]),
    title="Abacus",
    show=False,
    reload=False,
    storage_secret=os.environ["DEMO_PASSWORD"],
)
