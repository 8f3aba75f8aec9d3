# django-two-factor-auth: a password page, then a page for the code of an authenticator app; then the plain page that reads a fetch stream.
user=otto password='Twofactor-pass-6' totp=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP path=/chat
serve() { "$VENV/bin/python" "$HERE/../django_site.py" prepare two-factor && exec "$VENV/bin/python" "$HERE/../django_site.py" serve two-factor; }
