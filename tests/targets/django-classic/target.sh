# Django's own admin login page (CSRF token, autocomplete), then a plain page that reads a fetch stream.
user=admin password='Classic-pass-4' path=/chat venv=django
serve() { "$VENV/bin/python" "$HERE/../django_site.py" prepare classic && exec "$VENV/bin/python" "$HERE/../django_site.py" serve classic; }
