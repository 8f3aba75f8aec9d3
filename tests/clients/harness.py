"""What the checks of the OpenAI-compatible surface share: clients, words to say what is expected, and how checks are run.

    python CHECKS.py BASE_URL API_KEY MODEL          BASE_URL ends in /v1

One line per check, then `N passed, N failed`; the status is 1 when one failed.
Every answer is read twice where that matters: by a client that takes what it
gets, and by one that validates each field against the published schema.
`ONLY=words` in the environment runs the checks with these words in their name.
"""

import itertools
import json
import os
import sys
import traceback

import openai

BASE_URL, API_KEY, MODEL = sys.argv[1:4]
OPTIONS = {"base_url": BASE_URL, "api_key": API_KEY, "max_retries": 0, "timeout": 120}
LENIENT = openai.OpenAI(**OPTIONS)
STRICT = openai.OpenAI(**OPTIONS, _strict_response_validation=True)
CLIENTS = {"lenient": LENIENT, "strict": STRICT}
checks = []


def check(function):
    checks.append((function.__name__.replace("_", " "), function))
    return function


def both(function):
    """The check is run with either client."""
    for word, client in CLIENTS.items():
        checks.append((f"{function.__name__.replace('_', ' ')} ({word})", lambda client=client: function(client)))
    return function


def strict(function):
    """The check is run with the client that validates."""
    checks.append((function.__name__.replace("_", " "), lambda: function(STRICT)))
    return function


def ask(text):
    return {"model": MODEL, "messages": [{"role": "user", "content": text}]}


def expect(condition, *seen):
    if not condition:
        raise AssertionError(f"seen: {seen}")


def refused(kind, status, call, **error):
    """`call` fails with the class `kind`, and its error object has these fields."""
    try:
        call()
    except kind as caught:
        expect(caught.status_code == status, caught.status_code, caught.body)
        expect(isinstance(caught.body, dict) and caught.body.get("message"), caught.body)
        expect(isinstance(caught.type, str), caught.body)
        for name, value in error.items():
            expect(getattr(caught, name) == value, name, getattr(caught, name), caught.body)
        return caught
    raise AssertionError(f"it was not refused, but should be with {kind.__name__}")


numbers = itertools.count(1)


def script(*answers, words="please"):
    """A question that the page answers with these texts, one after the other."""
    # The number keeps equal scripts apart.
    return f"{words} SCRIPT {json.dumps([*answers, str(next(numbers))])}"


def fenced(value):
    """JSON as a page shows it."""
    return f"```json\n{json.dumps(value, indent=1)}\n```"


def calling(*calls):
    """An answer that calls functions."""
    return fenced({"tool_calls": [{"name": name, "arguments": arguments} for name, arguments in calls]})


def streamed(client, **request):
    """Text, calls and reason of a stream, put together by hand."""
    text, calls, reason = "", {}, None
    for chunk in client.chat.completions.create(**request, stream=True):
        [choice] = chunk.choices
        text += choice.delta.content or ""
        for call in choice.delta.tool_calls or []:
            if call.id:
                expect(call.index not in calls and call.type == "function" and call.function.name, call)
                calls[call.index] = {"id": call.id, "name": call.function.name, "arguments": ""}
            calls[call.index]["arguments"] += call.function.arguments or ""
        reason = choice.finish_reason or reason
    return text, [calls[index] for index in sorted(calls)], reason


def main():
    failed = 0
    for name, function in checks:
        if os.environ.get("ONLY", "") not in name:
            continue
        try:
            function()
            print(f"ok    {name}", flush=True)
        except Exception as error:  # whatever goes wrong is this check's failure, and the next one is still run
            failed += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(f"FAIL  {name}: {type(error).__name__}: {error} (line {where.lineno} of {where.filename})", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0
