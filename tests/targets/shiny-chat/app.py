import os

import uvicorn
from shiny import App, ui
from shinychat import Chat, chat_ui

from echo_model import astream

page = ui.page_fillable(ui.panel_title("Weather desk"), chat_ui("chat", messages=["Ask about the weather."]))


def server(input, output, session):
    chat = Chat(id="chat")
    asked = []

    @chat.on_user_submit
    async def reply(question: str):
        asked.append(question)
        await chat.append_message_stream(astream(asked))


uvicorn.run(App(page, server), host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
