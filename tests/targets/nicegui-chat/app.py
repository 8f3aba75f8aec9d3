import os

from fastapi.responses import RedirectResponse
from nicegui import app, ui

from echo_model import astream

ACCOUNT = (os.environ["APP_USER"], os.environ["APP_PASSWORD"])


@ui.page("/login")
def login():
    def submit():
        if (name.value, secret.value) == ACCOUNT:
            app.storage.user["name"] = name.value
            ui.navigate.to("/")
        else:
            ui.notify("Unknown user name or password", type="negative")

    with ui.card().classes("absolute-center"):
        name = ui.input("User name").on("keydown.enter", submit)
        secret = ui.input("Password", password=True, password_toggle_button=True).on("keydown.enter", submit)
        ui.button("Enter", on_click=submit)


@ui.page("/")
def chat():
    if "name" not in app.storage.user:
        return RedirectResponse("/login")
    asked = []

    async def send():
        question = box.value.strip()
        if not question:
            return
        box.value = ""
        asked.append(question)
        with talk:
            ui.chat_message(text=question, name="Me", sent=True)
            with ui.chat_message(name="Helper", sent=False) as bubble:
                shown = ui.markdown("")
                dots = ui.spinner(type="dots")
        async for piece in astream(asked):
            shown.set_content(shown.content + piece)
        bubble.remove(dots)

    talk = ui.column().classes("w-full max-w-2xl mx-auto items-stretch")
    with ui.footer().classes("bg-white"):
        box = ui.input(placeholder="Type and press Enter").props("outlined").classes("w-full max-w-2xl mx-auto")
        box.on("keydown.enter", send)
    return None


ui.run(
    host="127.0.0.1",
    port=int(os.environ["PORT"]),
    title="Line chat",
    show=False,
    reload=False,
    storage_secret="only-for-tests-on-loopback",
)
