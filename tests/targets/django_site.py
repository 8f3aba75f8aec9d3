"""A Django site with accounts and a small chat page, signed in to in one of three ways.

    django_site.py prepare WAY     makes the database and the account
    django_site.py serve WAY       serves it on 127.0.0.1:$PORT

`classic` signs in at Django's own admin login page; `two-step` asks for the
e-mail address on one page and for the password on the next; `two-factor` is
django-two-factor-auth: a password page, then one for an authenticator app's code.
"""

import json
import os
import pathlib
import sys

import django
from django.conf import settings

DATA = pathlib.Path(os.environ["DATA"])
WAY = sys.argv[2] if len(sys.argv) > 2 else "classic"
LOGIN = {"classic": "/admin/login/", "two-step": "/sign-in", "two-factor": "/account/login/"}[WAY]
OTP = WAY == "two-factor"

settings.configure(
    DEBUG=True,
    SECRET_KEY="only-for-tests-on-loopback",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="urls",
    LOGIN_URL=LOGIN,
    LOGIN_REDIRECT_URL="/chat",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    STATIC_URL="/static/",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA / "site.sqlite3"}},
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        *(["django_otp", "django_otp.plugins.otp_static", "django_otp.plugins.otp_totp", "two_factor"] if OTP else []),
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        *(["django_otp.middleware.OTPMiddleware"] if OTP else []),
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "DIRS": [pathlib.Path(__file__).parent / "django_templates"],
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
)
django.setup()

from django.contrib import admin  # noqa: E402
from django.contrib.auth import authenticate, get_user_model, login  # noqa: E402
from django.contrib.auth.decorators import login_required  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpResponse, StreamingHttpResponse  # noqa: E402
from django.middleware.csrf import get_token  # noqa: E402
from django.shortcuts import redirect  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils.html import escape  # noqa: E402

from echo_model import stream  # noqa: E402

if OTP:
    from django_otp.decorators import otp_required as login_required  # noqa: F811

FRAME = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<header><form action="/search" role="search"><input type="search" name="q" placeholder="Search the library"></form></header>
<main><h1>{title}</h1>{body}</main>
<footer><form action="/news" method="post"><input type="email" name="news" placeholder="E-mail for our newsletter">
<button>Subscribe</button></form></footer>"""
CHAT = pathlib.Path(__file__).with_name("django_chat.html").read_text()


def page(title, body):
    return HttpResponse(FRAME.format(title=title, body=body))


def form(request, error, label, field):
    note = f'<p role="alert">{error}</p>' if error else ""
    return (
        f'{note}<form method="post"><input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">'
        f'<label>{label} {field}</label><button type="submit">Continue</button></form>'
    )


def sign_in(request):
    error = ""
    if request.method == "POST":
        mail = request.POST.get("account", "").strip()
        if "@" in mail:
            request.session["mail"] = mail
            return redirect("/sign-in/password")
        error = "That is not an e-mail address."
    field = '<input type="email" name="account" autocomplete="username">'
    return page("Sign in", form(request, error, "Your e-mail address", field))


def password(request):
    mail = request.session.get("mail")
    if not mail:
        return redirect("/sign-in")
    error = ""
    if request.method == "POST":
        user = authenticate(request, username=mail, password=request.POST.get("secret", ""))
        if user:
            login(request, user)
            return redirect("/chat")
        error = "The password is not right."
    field = '<input type="password" name="secret" autocomplete="current-password">'
    return page("Welcome back", f"<p>{escape(mail)}</p>" + form(request, error, "Password", field))


@login_required
def chat(request):
    return HttpResponse(CHAT.replace("TOKEN", get_token(request)))


@login_required
def ask(request):
    return StreamingHttpResponse(stream(json.loads(request.body)), content_type="text/plain; charset=utf-8")


urlpatterns = [path("", lambda _: redirect("/chat")), path("chat", chat), path("ask", ask)]
urlpatterns += [path("admin/", admin.site.urls)] if WAY == "classic" else []
if OTP:
    from django.urls import include
    from two_factor.urls import urlpatterns as two_factor_urls

    urlpatterns += [path("", include(two_factor_urls))]
urlpatterns += [path("sign-in", sign_in), path("sign-in/password", password)] if WAY == "two-step" else []


def prepare():
    call_command("migrate", verbosity=0)
    name = os.environ["APP_USER"]
    users = get_user_model().objects
    if not users.filter(username=name).exists():
        user = users.create_superuser(name, name if "@" in name else "", os.environ["APP_PASSWORD"])
        if OTP:
            import base64

            from django_otp.plugins.otp_totp.models import TOTPDevice

            key = base64.b32decode(os.environ["APP_TOTP"]).hex()
            TOTPDevice.objects.create(user=user, name="default", confirmed=True, key=key)


if __name__ == "__main__":
    sys.modules["urls"] = sys.modules["__main__"]
    if sys.argv[1] == "prepare":
        prepare()
    else:
        call_command("runserver", f"127.0.0.1:{os.environ['PORT']}", use_reloader=False, verbosity=0, skip_checks=True)
