# Plotly Dash: the conversation is a property that a callback hands back whole. The sign-in is a dialog of a landing page (Flask-Login, by fetch).
user=delta@example.com password='Dash-pass-13'
serve() { exec "$VENV/bin/python" "$HERE/app.py"; }
