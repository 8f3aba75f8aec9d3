# E-mail on one page, password on the next, with a search form and a newsletter form on both.
user=mary@example.com password='Twostep-pass-5' path=/chat venv=django
serve() { "$VENV/bin/python" "$HERE/../django_site.py" prepare two-step && exec "$VENV/bin/python" "$HERE/../django_site.py" serve two-step; }
