"""Gives the demo app an API, and uses it: register, watch, ask, look behind.

    python ask.py ADDRESS API_KEY ADMIN_KEY APP_URL USER PASSWORD SCREENSHOT_FILE

Registering and watching are plain HTTP; the question goes through the official
`openai` package, as it would to any other endpoint of that kind.
"""

import json
import re
import signal
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime

import openai

ADDRESS, API_KEY, ADMIN_KEY, APP_URL, USER, PASSWORD, SCREENSHOT = sys.argv[1:8]
QUESTION = "How much is 17 * 23, and how much is (3 + 4) * 6?"


class DemoFailed(Exception):
    pass


def too_late(*_):
    raise DemoFailed("it took longer than five minutes")


def call(method, path, key=API_KEY, body=None, timeout=30):
    """One request; gives the open response."""
    request = urllib.request.Request(ADDRESS + path, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Authorization", f"Bearer {key}")
    request.add_header("Content-Type", "application/json")
    return urllib.request.urlopen(request, timeout=timeout)


def get(path, key=API_KEY):
    with call("GET", path, key) as response:
        return json.load(response)


def events(job, timeout):
    """The events of a job as `(name, data)`, as they come, until its last one."""
    name, data = "message", []
    with call("GET", f"/api/v1/jobs/{job}/events", timeout=timeout) as response:
        for line in response:
            line = line.decode().rstrip("\r\n")
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].strip())
            elif not line and data:
                yield name, json.loads("\n".join(data))
                name, data = "message", []


def shorten(text, width=88):
    text = " ".join(str(text).split())
    return text if len(text) <= width else text[: width - 1] + "…"


def describe(name, data):
    """An event in a few words."""
    if name == "progress":
        return shorten(f"{data.get('percent', 0):.0f} % {data.get('message') or data.get('phase', '')}")
    if name == "step":
        return shorten(f"{data.get('kind', '')}  ({data.get('duration_ms', 0)} ms)  {brief(data.get('detail'))}")
    if name == "validation":
        verdict = "passed" if data.get("passed") else "not passed"
        return shorten(f"{data.get('subject')}: {verdict}, confidence {data.get('confidence', 0):.2f}; {data.get('observation', '')}")
    if name in ("retrying", "failed", "intervention_needed"):
        failure = data.get("failure") or data
        return shorten(f"{failure.get('code', '')}: {failure.get('detail') or failure.get('message') or brief(failure)}", 160)
    if name == "started":
        return shorten(f"attempt {data.get('attempt')} by {data.get('worker')}")
    return "" if name in ("queued", "completed") else shorten(brief({key: value for key, value in data.items() if key != "at"}))


def brief(detail):
    if isinstance(detail, dict):
        return ", ".join(f"{key}: {value if isinstance(value, str) else json.dumps(value)}" for key, value in detail.items())
    return "" if detail is None else str(detail)


def show(job, timeout=150):
    """Prints the events of a job as they come, pieces of the answer in one line; gives the last event."""
    began, pieces, last = None, [], ("", {})

    def line(seconds, name, text):
        print(f"  {seconds:5.1f} s  {name:<10}  {text}".rstrip(), flush=True)

    for last in events(job, timeout):
        name, data = last
        # Python before 3.11 reads microseconds, no finer.
        at = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", data["at"]))
        began = began or at
        seconds = (at - began).total_seconds()
        if name == "chunk":
            pieces.append((seconds, data["text"]))
            continue
        if pieces:
            line(pieces[0][0], "chunk", shorten(f"{len(pieces)} pieces: {' '.join(repr(text) for _, text in pieces)}"))
            pieces = []
        line(seconds, name, describe(name, data))
    return last


def register():
    body = {"name": "abacus", "url": APP_URL, "username": USER, "password": PASSWORD}
    for name in ("abacus", time.strftime("abacus-%H%M%S")):
        body["name"] = name
        try:
            with call("POST", "/admin/providers", ADMIN_KEY, body) as response:
                return name, json.load(response)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            # The name is taken: an earlier demo was interrupted.
            if error.code != 409 or name != "abacus":
                raise DemoFailed(f"registering was answered with {error.code}: {text}") from None
    raise AssertionError("unreachable")


def main():
    print("\n1. Register the app by its address and an account, and nothing else", flush=True)
    print(f"  POST {ADDRESS}/admin/providers  url={APP_URL} username={USER}")
    model, provider = register()
    print("\n2. Watch how it is found out: the login form, the chat box, the answer", flush=True)
    last, data = show(provider["job_id"])
    if last != "completed":
        raise DemoFailed(f"the discovery ended with: {last} {describe(last, data)}")
    until = time.monotonic() + 30
    while (status := get(f"/admin/providers/{provider['provider_id']}", ADMIN_KEY)["status"]) != "ready":
        if time.monotonic() > until:
            raise DemoFailed(f"the provider is {status}, not ready")
        time.sleep(0.2)

    print("\n3. Ask it through the official openai package, streamed", flush=True)
    print(f'  client = OpenAI(base_url="{ADDRESS}/v1", api_key="{API_KEY[:6]}…")')
    print(f'  client.chat.completions.create(model="{model}", stream=True, …)\n')
    print(f"  You:    {QUESTION}\n  {model}: ", end="", flush=True)
    client = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key=API_KEY, max_retries=0, timeout=120)
    began, first, text = time.monotonic(), None, ""
    answer = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": QUESTION}], stream=True
    )
    job = answer.headers.get("x-computetower-job-id")
    for chunk in answer.parse():
        piece = (chunk.choices[0].delta.content or "") if chunk.choices else ""
        if piece and first is None:
            first = time.monotonic() - began
        text += piece
        print(piece.replace("\n", "\n          "), end="", flush=True)
    print(f"\n\n  first piece after {first or 0:.1f} s, all of it after {time.monotonic() - began:.1f} s")
    if not (text.startswith("Here is what I can tell:") and "**391**" in text and "**42**" in text and text.rstrip().endswith("*much*")):
        raise DemoFailed("this is not the whole answer that the page shows")

    print(f"\n4. Look behind it: the events of job {job}", flush=True)
    show(job, timeout=30)
    print("\n5. Its steps, as they were recorded", flush=True)
    for step in get(f"/api/v1/jobs/{job}/steps"):
        print(f"  {step['duration_ms']:>6} ms  {step['kind']:<22}  {shorten(brief(step['detail']), 66)}")

    result = get(f"/api/v1/jobs/{job}/result")["result"]
    validation = result["validation"]
    print("\n6. How the answer was judged, and what the page looked like", flush=True)
    print(f"  passed: {validation['passed']}   confidence: {validation['confidence']:.2f}")
    print(f"  read by: {result.get('stream_method')}   seen to be complete by: {result.get('closing_signal')}")
    with urllib.request.urlopen(validation["screenshot_url"], timeout=30) as picture, open(SCREENSHOT, "wb") as file:
        file.write(picture.read())
    print(f"  screenshot: {SCREENSHOT}")
    try:
        call("DELETE", f"/admin/providers/{provider['provider_id']}", ADMIN_KEY).close()
    except urllib.error.HTTPError:
        pass  # it stays registered; the next demo takes another name


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(300)
    try:
        main()
    except urllib.error.HTTPError as error:
        sys.exit(f"\nerror: {error.url} answered {error.code}: {error.read().decode(errors='replace')[:500]}")
    except (DemoFailed, openai.OpenAIError, OSError, KeyError) as error:
        sys.exit(f"\nerror: {type(error).__name__}: {error}")
