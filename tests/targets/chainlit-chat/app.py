import os

import chainlit

from echo_model import astream


@chainlit.password_auth_callback
def known(username, password):
    if (username, password) == (os.environ["APP_USER"], os.environ["APP_PASSWORD"]):
        return chainlit.User(identifier=username)
    return None


@chainlit.on_chat_start
async def greet():
    chainlit.user_session.set("asked", [])
    await chainlit.Message(content="Good day. What would you like to know?").send()


@chainlit.on_message
async def reply(message):
    asked = chainlit.user_session.get("asked")
    asked.append(message.content)
    answer = chainlit.Message(content="")
    async for piece in astream(asked):
        await answer.stream_token(piece)
    await answer.update()
