import marimo

app = marimo.App(app_title="Orchard notes")


@app.cell
def _():
    import marimo as mo

    from echo_model import astream

    async def reply(messages, _config):
        asked = [turn.content for turn in messages if turn.role == "user"]
        async for piece in astream(asked):
            yield piece

    mo.vstack([mo.md("# Orchard notes"), mo.ui.chat(reply)])
    return


if __name__ == "__main__":
    app.run()
