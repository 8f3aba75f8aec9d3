import os

import panel

from echo_model import astream

panel.extension()


def chat():
    async def reply(question, user, interface):
        asked = [turn.object for turn in interface.objects if turn.user == "User"]
        shown = ""
        async for piece in astream(asked):
            shown += piece
            yield shown

    return panel.chat.ChatInterface(callback=reply, callback_user="Museum", show_rerun=False, show_undo=False)


port = int(os.environ["PORT"])
panel.serve(
    {"/": chat},
    address="127.0.0.1",
    port=port,
    websocket_origin=f"127.0.0.1:{port}",
    basic_auth={os.environ["APP_USER"]: os.environ["APP_PASSWORD"]},
    cookie_secret="only-for-tests-on-loopback",
    show=False,
    title="Museum",
)
