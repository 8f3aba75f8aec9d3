"""A members' desk behind Flask-Security, with an authenticator app's code; each paragraph of an answer is a message of its own."""

import json
import os
import pathlib
import re

from flask import Flask, Response, render_template_string, request
from flask_security import Security, SQLAlchemyUserDatastore, auth_required, hash_password
from flask_security.models import fsqla_v2 as models
from flask_sqlalchemy import SQLAlchemy

from echo_model import stream

app = Flask(__name__)
app.config.update(
    SECRET_KEY="only-for-tests-on-loopback",
    SECURITY_PASSWORD_SALT="146585145368132386173505678016728509634",
    SQLALCHEMY_DATABASE_URI=f"sqlite:///{os.environ['DATA']}/members.sqlite3",
    SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
    SECURITY_TWO_FACTOR=True,
    SECURITY_TWO_FACTOR_ENABLED_METHODS=["authenticator"],
    SECURITY_TWO_FACTOR_RESCUE_EMAIL=False,
    SECURITY_TOTP_SECRETS={"1": "TjQ9Qa31VOrfEzuPy4VHQWPCTmRzCnFzMKLxXYiZu9B"},
    SECURITY_TOTP_ISSUER="Members",
    SECURITY_RECOVERABLE=True,
    SECURITY_SEND_PASSWORD_RESET_EMAIL=False,
)
db = SQLAlchemy(app)
models.FsModels.set_db_info(db)


class Role(db.Model, models.FsRoleMixin):
    pass


class User(db.Model, models.FsUserMixin):
    pass


security = Security(app, SQLAlchemyUserDatastore(db, User, Role))
PAGE = pathlib.Path(__file__).with_name("page.html").read_text()
FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)

with app.app_context():
    db.create_all()
    person = security.datastore.create_user(
        email=os.environ["APP_USER"], password=hash_password(os.environ["APP_PASSWORD"])
    )
    secret = security.totp_factory._totp(key=os.environ["APP_TOTP"]).to_json(encrypt=True)
    security.datastore.tf_set(person, "authenticator", totp_secret=secret)
    security.datastore.commit()


@app.get("/")
@auth_required("session")
def page():
    return render_template_string(PAGE)


def paragraphs(pieces):
    """Whole paragraphs out of a growing text; a code block is one."""
    text, told = "", 0
    for piece in pieces:
        text += piece
        parts = [part for chunk in FENCE.split(text) for part in ([chunk] if chunk.startswith("```") else chunk.split("\n\n")) if part.strip()]
        if text.count("```") % 2 == 0:
            yield from parts[told:-1]
            told = max(told, len(parts) - 1)
    yield from parts[told:]


@app.get("/answer")
@auth_required("session")
def answer():
    asked = json.loads(request.args["asked"])

    def events():
        for part in paragraphs(stream(asked)):
            yield f"event: message\ndata: {json.dumps(part)}\n\n"
        yield "event: over\ndata: 1\n\n"

    return Response(events(), content_type="text/event-stream")


app.run("127.0.0.1", int(os.environ["PORT"]), threaded=True)
