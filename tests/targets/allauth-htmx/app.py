"""A Django site with django-allauth's own pages, and a chat whose answers are HTML that htmx asks for again until they are complete."""

import itertools
import os
import pathlib
import sys
import threading

import django
import markdown
from django.conf import settings

settings.configure(
    DEBUG=True,
    SECRET_KEY="only-for-tests-on-loopback",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="urls",
    LANGUAGE_CODE="fr",
    USE_TZ=True,
    LOGIN_URL="account_login",
    LOGIN_REDIRECT_URL="/",
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    STATIC_URL="/static/",
    EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": pathlib.Path(os.environ["DATA"], "site.sqlite3")}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        "django_htmx",
        "allauth",
        "allauth.account",
        "allauth.socialaccount",
        "allauth.socialaccount.providers.github",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django_htmx.middleware.HtmxMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "DIRS": [pathlib.Path(__file__).parent],
        "OPTIONS": {"context_processors": [
            "django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages",
        ]},
    }],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    ACCOUNT_LOGIN_METHODS={"email"},
    ACCOUNT_SIGNUP_FIELDS=["email*", "password1*", "password2*"],
    ACCOUNT_EMAIL_VERIFICATION="none",
    ACCOUNT_LOGIN_BY_CODE_ENABLED=True,
    SOCIALACCOUNT_PROVIDERS={"github": {"APP": {"client_id": "nobody", "secret": "nothing"}}},
)
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.decorators import login_required  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.urls import include, path  # noqa: E402

from echo_model import stream  # noqa: E402

talks, numbers = {}, itertools.count(1)


@login_required
def page(request):
    talk = next(numbers)
    talks[talk] = []
    return render(request, "page.html", {"talk": talk})


def work(turn, asked):
    for piece in stream(asked):
        turn["text"] += piece
    turn["done"] = True


def show(request, talk, number):
    turn = talks[talk][number]
    html = markdown.markdown(turn["text"], extensions=["fenced_code", "tables", "sane_lists"])
    return {"talk": talk, "number": number, "html": html, **turn}


@login_required
def ask(request, talk):
    question = request.POST.get("question", "").strip()
    turn = {"question": question, "text": "", "done": False}
    talks[talk].append(turn)
    threading.Thread(target=work, args=(turn, [each["question"] for each in talks[talk]]), daemon=True).start()
    return render(request, "turn.html", {"asked": True, **show(request, talk, len(talks[talk]) - 1)})


@login_required
def rest(request, talk, number):
    return render(request, "turn.html", show(request, talk, number))


urlpatterns = [
    path("", page),
    path("ask/<int:talk>", ask),
    path("rest/<int:talk>/<int:number>", rest),
    path("comptes/", include("allauth.urls")),
]

if __name__ == "__main__":
    sys.modules["urls"] = sys.modules["__main__"]
    if sys.argv[1] == "prepare":
        call_command("migrate", verbosity=0)
        name = os.environ["APP_USER"]
        if not get_user_model().objects.filter(email=name).exists():
            get_user_model().objects.create_user(name, name, os.environ["APP_PASSWORD"])
    else:
        call_command("runserver", f"127.0.0.1:{os.environ['PORT']}", use_reloader=False, verbosity=0, skip_checks=True)
