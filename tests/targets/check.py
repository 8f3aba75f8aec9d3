"""Drives real chat apps through `computetower up`, knowing of each only its address and an account.

    run.sh check [--deep] [NAME...]        all targets without a name; status 1 when anything is not right

Each target is installed, started and registered; then it is asked the twenty
questions of `QUESTIONS`, some of which go on with the conversation of the one
before. `--deep` adds twenty in a row and five at once. Where there is a login,
a wrong password has to end in `invalid_credentials`. The answers are computed
(echo_model.py), not judged; each carries a digest of the question as the app
got it.

Environment: COMPUTETOWER (the program; target/debug/computetower), CHROMIUM, KEEP_LOG=1 (keeps `up`'s log),
VERBOSE=1 (a line for each question,
and the steps of a job that failed or took long).
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import echo_model

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROFILE = {"dev": "debug"}.get(os.environ.get("PROFILE", "dev"), os.environ.get("PROFILE"))
PROGRAM = os.environ.get("COMPUTETOWER", str(ROOT / "target" / PROFILE / "computetower"))
LONG = " ".join(f"Then {n} pears and {n * 7 % 50} plums were put into basket {n}." for n in range(1, 121))
ARTICLE = """I have three things to ask of {name}:

1. Where do pears grow?
2. Who eats them?

   - people
   - wasps

Thank you.
That is all."""
AGAIN, ANSWER = object(), object()
# What is asked: a name, the words, whether it is streamed, and whether it goes on with the conversation of the one before.
# AGAIN stands for the question before, ANSWER for the answer to it.
QUESTIONS = [
    ("plain", "What is the colour of pears in {name}?", False, False),
    ("markdown", "Please put pears into markdown for {name}", False, False),
    ("code", "Show me some code that swaps two things in {name}", False, False),
    ("long", "Tell me a long story of {name}", False, False),
    ("stall", "You may stall before you answer {name}", False, False),
    ("many scripts", "Grüße aus Łódź: Ελλάδα, Москва, 東京で梨を食べますか? 서울, हिन्दी, ñandú {name}", False, False),
    ("numbers", "2048", False, False),
    ("markup", "Is <b>\"this\"</b> & <i class='x'>that</i> **so**, # or `not`? [a](http://b.example/?c=d&e) 1. > - ${name} \\n &amp; {{x}}", False, False),
    ("very long", "Count what follows for {name}. " + LONG + " How many were there?", False, False),
    ("asked before", "What is the colour of pears in {name}?", False, False),
    ("plain", "Where do plums grow near {name}?", True, False),
    ("recall", "Now recall the first one {name}", True, True),
    ("twice", AGAIN, True, True),
    ("an answer", ANSWER, True, True),
    ("markdown", "Some plums in markdown for {name}, if you please", True, False),
    ("long", "A long account of the plums of {name}", True, False),
    ("stall", "Take your time and stall, {name}", True, False),
    ("right to left", "ما هو لون الكمثرى في {name}؟ ומה צבע השזיף, 2 או 3?", True, False),
    ("emoji", "🍐🍐 or 👩‍👩‍👧, {name}? 🇳🇱 👍🏽 ok", True, False),
    ("lines", ARTICLE, True, False),
]


def reduced(text):
    """Letters and digits alone, in order: what a page cannot help but keep of a Markdown answer.

    The language of a code block goes too, since few pages show it.
    """
    return re.sub(r"[\W_]+", "", re.sub(r"^```\w*", "```", text, flags=re.MULTILINE))


def keeps_structure(text):
    """Whether a markdown answer still has its heading, lists, code block and table."""
    shapes = [r"^#{1,6} Section", r"^[-*+] pear", r"^1[.)] first", r"^```", r"^ {4}return \[1, 2, 3\]", r"^\|.*pear.*\|"]
    return all(re.search(shape, text, re.MULTILINE) for shape in shapes) and "**" in text


def keeps_code(text):
    """Whether an answer still has both its code blocks, as they are."""
    lines = ["  return `${list.length} things`;", "    # a comment, and no heading", "- no list"]
    return text.count("```") >= 4 and all(line in text.split("\n") for line in lines)


class Tower:
    """A `computetower up` of its own, on an empty data folder."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="computetower-targets."))
        self.folder.chmod(0o755)
        self.log = self.folder / "up.log"
        environment = {
            **os.environ,
            "COMPUTETOWER_DATA_DIR": str(self.folder / "data"),
            "COMPUTETOWER_BIND": "127.0.0.1:0",
            "COMPUTETOWER_ALLOW_PRIVATE_URLS": "loopback",
        }
        self.process = subprocess.Popen(
            [PROGRAM, "up"], stdin=subprocess.DEVNULL, stdout=self.log.open("wb"), stderr=subprocess.STDOUT, env=environment
        )

    def wait_until_ready(self):
        until = time.monotonic() + 120
        while time.monotonic() < until:
            text = self.log.read_text(errors="replace")
            if self.process.poll() is not None:
                raise RuntimeError(f"computetower up ended while starting:\n{text[-3000:]}")
            found = {word: re.search(rf"^ *{word} +(\S+)", text, re.MULTILINE) for word in ("address", "api key", "admin key")}
            if all(found.values()):
                self.address, self.api_key, self.admin_key = (match.group(1) for match in found.values())
                return
            time.sleep(0.2)
        raise RuntimeError(f"computetower up was not ready in two minutes:\n{text[-3000:]}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        if os.environ.get("KEEP_LOG"):
            print(f"the log is {self.log}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, method, path, key=None, body=None, timeout=180):
        request = urllib.request.Request(self.address + path, method=method, data=None if body is None else json.dumps(body).encode())
        request.add_header("Authorization", f"Bearer {key or self.api_key}")
        request.add_header("Content-Type", "application/json")
        return urllib.request.urlopen(request, timeout=timeout)

    def get(self, path, key=None):
        with self.call("GET", path, key) as response:
            return json.load(response)

    def register(self, name, target, password):
        body = {"name": name, "url": target["url"]}
        if target["user"]:
            body["username"] = target["user"]
        if password:
            body["password"] = password
        if target.get("totp"):
            body["totp_secret"] = target["totp"]
        with self.call("POST", "/admin/providers", self.admin_key, body) as response:
            return json.load(response)

    def login(self, target, password=None):
        """A login job with an account of its own, from a fresh browser."""
        account = {"url": target["url"], "password": password or target["password"]}
        if target["user"]:
            account["username"] = target["user"]
        if target.get("totp"):
            account["totp_secret"] = target["totp"]
        with self.call("POST", "/api/v1/credentials", body=account) as response:
            credential = json.load(response)["id"]
        with self.call("POST", "/api/v1/jobs", body={"kind": "login", "payload": {"credential_id": credential}}) as response:
            return self.finished(json.load(response)["id"])

    def finished(self, number, seconds=180):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            job = self.get(f"/api/v1/jobs/{number}")
            if job["state"] in ("completed", "failed", "cancelled", "intervention_needed"):
                if os.environ.get("VERBOSE") and job["state"] != "completed":
                    self.tell_steps(number)
                return job
            time.sleep(0.1)
        return {**job, "state": f"still {job['state']} after {seconds} s"}

    def tell_steps(self, number):
        for step in self.get(f"/api/v1/jobs/{number}/steps"):
            step = {name: value for name, value in step.items() if value is not None and name not in ("id", "job_id", "seq")}
            print(f"      {json.dumps(step)[:600]}", flush=True)

    def ask(self, model, question, stream, history=()):
        """The answer, the seconds to its first piece, all its seconds, and the job's id."""
        messages = [*history, {"role": "user", "content": question}]
        began = time.monotonic()
        with self.call("POST", "/v1/chat/completions", body={"model": model, "messages": messages, "stream": stream}) as response:
            job = response.headers.get("x-computetower-job-id")
            if not stream:
                text = json.load(response)["choices"][0]["message"]["content"]
                return text, None, time.monotonic() - began, job
            text, first, ended = "", None, False
            for line in response:
                if not line.startswith(b"data:"):
                    continue
                line = line[5:].strip()
                if line == b"[DONE]":
                    ended = True
                    break
                chunk = json.loads(line)
                if "error" in chunk:
                    raise RuntimeError(f"error in the stream: {chunk['error']}")
                piece = "".join(choice["delta"].get("content") or "" for choice in chunk["choices"])
                if piece and first is None:
                    first = time.monotonic() - began
                text += piece
            if not ended:
                raise RuntimeError("the stream ended without [DONE]")
            return text, first, time.monotonic() - began, job


class Target:
    """A target app, started by run.sh."""

    def __init__(self, name):
        self.name = name
        self.process = subprocess.Popen(
            [HERE / "run.sh", "up", name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        if not line.startswith("TARGET "):
            raise RuntimeError(self.process.communicate()[1][-2000:])
        # Nobody reads what it says later, and a full pipe would stop it.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        self.facts = json.loads(line[7:])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Row:
    """What was seen of one target."""

    def __init__(self, name):
        self.name, self.asked, self.right, self.problems = name, 0, 0, []
        self.misdrawn = ()
        self.discovered, self.signed_in, self.failed = False, "-", 0
        self.discovery = self.total = 0.0
        self.firsts, self.methods, self.signals, self.login = [], set(), set(), "none"

    def note(self, right, problem, question=False):
        if question:
            self.asked += 1
            self.right += right
        if not right:
            self.failed += 1
            self.problems.append(problem)
            print(f"    WRONG {problem}", flush=True)
        return right

    def middle_first(self):
        return f"{sorted(self.firsts)[len(self.firsts) // 2] * 1000:.0f}" if self.firsts else "-"


def difference(want, got):
    """Where two texts part."""
    at = next((n for n, (a, b) in enumerate(zip(want, got)) if a != b), min(len(want), len(got)))
    return f"from letter {at} on: wanted …{want[max(0, at - 20):at + 40]!r}, got …{got[max(0, at - 20):at + 40]!r}"


def one_question(tower, row, model, question, stream, label, history=()):
    """Asks, compares, and gives back the conversation so far."""
    try:
        text, first, took, job = tower.ask(model, question, stream, history)
    except (urllib.error.HTTPError, OSError, RuntimeError, KeyError, ValueError) as error:
        detail = error.read().decode(errors="replace")[:300] if isinstance(error, urllib.error.HTTPError) else ""
        row.note(False, f"{label}: {error} {detail}", question=True)
        return []
    if first is not None:
        row.firsts.append(first)
    asked = [turn["content"] for turn in history if turn["role"] == "user"] + [question]
    answer = echo_model.answer(asked)
    want, got = reduced(answer), reduced(text)
    wrong = None
    if want != got:
        wrong = difference(want, got)
    elif "## Section" in answer and not keeps_structure(text) or "function swap" in answer and not keeps_code(text):
        wrong = f"the structure is lost: {text[:900]!r}"
    how = {}
    if job:
        try:
            how = tower.get(f"/api/v1/jobs/{job}/result")["result"]
            row.methods.add(str(how.get("stream_method")))
            row.signals.add(str(how.get("closing_signal")))
        except (urllib.error.HTTPError, KeyError, ValueError) as error:
            row.note(False, f"{label}: no result of job {job}: {error}")
    if os.environ.get("VERBOSE"):
        print(f"    {label}: {took:.1f} s, {how.get('stream_method')}, {how.get('closing_signal')}", flush=True)
        if job and took > 45:
            tower.tell_steps(job)
    if wrong and any(label.split(" ", 1)[-1].startswith(known) for known in row.misdrawn):
        print(f"    not counted, the page itself draws it wrong: {label}: {wrong}", flush=True)
    else:
        row.note(wrong is None, f"{label}: {wrong}", question=True)
    return [*history, {"role": "user", "content": question}, {"role": "assistant", "content": text}]


def twenty_questions(tower, row, name):
    said = []
    for number, (label, words, stream, goes_on) in enumerate(QUESTIONS, 1):
        if words in (AGAIN, ANSWER):
            if not said:
                row.note(False, f"{number} {label}: the question before was not answered", question=True)
                continue
            question = said[-2 if words is AGAIN else -1]["content"]
        else:
            question = words.replace("{name}", name)
        how = f"{number} {label}, {'streamed' if stream else 'whole'}"
        said = one_question(tower, row, name, question, stream, how, said if goes_on else ())


def wrong_password(tower, row, target):
    row.login = "TAKEN"
    wrong = "this-is-not-the-password"
    if target["chat"] == "yes":
        job = tower.finished(tower.register(f"{row.name}-wrong", target, wrong)["job_id"])
    else:
        job = tower.login(target, wrong)
    failure = json.dumps(job)
    ok = job["state"] == "failed" and "invalid_credentials" in failure
    row.login = "refused" if ok else "NOT refused"
    row.note(ok, f"wrong password: {job['state']}: {failure[:1500]}")


def check(tower, name, deep):
    row = Row(name)
    began = time.monotonic()
    print(f"\n{name}", flush=True)
    app = None
    try:
        app = Target(name)
        if app.facts["chat"] == "yes":
            registering = time.monotonic()
            registered = tower.register(name, app.facts, app.facts["password"])
            job = tower.finished(registered["job_id"])
            row.discovery = time.monotonic() - registering
            row.discovered = row.note(job["state"] == "completed", f"discovery: {job['state']}: {json.dumps(job)[:800]}")
            if row.discovered:
                print(f"    discovered in {row.discovery:.1f} s", flush=True)
                twenty_questions(tower, row, name)
                if deep:
                    for number in range(100, 120):
                        one_question(tower, row, name, f"What is the colour of pear {number} in {name}?", number % 2 == 0, f"in a row {number - 99}")
                    with concurrent.futures.ThreadPoolExecutor(5) as pool:
                        for number in range(200, 205):
                            pool.submit(one_question, tower, row, name, f"What is the colour of plum {number} in {name}?", True, f"at once {number - 199}")
        if app.facts["password"]:
            job = tower.login(app.facts)
            row.signed_in = "yes" if row.note(job["state"] == "completed", f"login: {job['state']}: {json.dumps(job)[:800]}") else "NO"
            wrong_password(tower, row, app.facts)
    except (urllib.error.HTTPError, OSError, RuntimeError, KeyError, ValueError) as error:
        detail = error.read().decode(errors="replace")[:300] if isinstance(error, urllib.error.HTTPError) else ""
        row.note(False, f"{type(error).__name__}: {error} {detail}")
    finally:
        if app:
            app.stop()
    row.total = time.monotonic() - began
    print(f"    {row.right} of {row.asked} questions right in {row.total:.0f} s", flush=True)
    return row


def table(rows):
    lines = [("target", "discovered", "login", "wrong password", "questions", "first chunk ms", "total s", "stream method", "closing signal")]
    for row in rows:
        lines.append(
            (
                row.name,
                f"{row.discovery:.1f} s" if row.discovered else "NO",
                row.signed_in,
                row.login,
                f"{row.right}/{row.asked}",
                row.middle_first(),
                f"{row.total:.0f}",
                " ".join(sorted(row.methods)) or "-",
                " ".join(sorted(row.signals)) or "-",
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def main():
    known = subprocess.run([HERE / "run.sh", "list"], capture_output=True, text=True, check=True).stdout.split()
    parser = argparse.ArgumentParser(prog="run.sh check", description="Tries computetower on real chat apps.")
    parser.add_argument("--deep", action="store_true", help="another twenty in a row, five at once")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(known)}")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"no target named {', '.join(unknown)}; there are {', '.join(known)}")
    if not os.access(PROGRAM, os.X_OK):
        sys.exit(f"{PROGRAM} is not there: build it first, as `make targets` does")
    for name in options.names or known:
        subprocess.run([HERE / "run.sh", "install", name], check=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tower, rows = Tower(), []
    try:
        tower.wait_until_ready()
        for name in options.names or known:
            rows.append(check(tower, name, options.deep))
            if tower.process.poll() is not None:
                sys.exit(f"computetower up ended by itself; its log: {tower.log.read_text(errors='replace')[-3000:]}")
    finally:
        tower.stop()
        if rows:
            failed = sum(row.failed for row in rows)
            right, asked = sum(row.right for row in rows), sum(row.asked for row in rows)
            print(f"\n{table(rows)}\n\n{len(rows)} targets, {right} of {asked} questions right, {failed} failures", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
