"""What the chat gateway adds to a page's own time, beside a Playwright script that was written for that page.

    bench/run.sh chat [SHAPE...]      shapes of the test site, see tests/site/README.md

Both ask the same page in turn, and both begin the clock when they are told the question. The script keeps one page open,
fills the box, presses Enter, and hears of each change of the answer from a MutationObserver; it knows the page's elements.
computetower is asked over HTTP, in a new conversation each time, and knows nothing but the address.

BENCH_QUESTIONS (15) are measured on each shape, after four that open pages. Printed are medians: how much later the first words came than to the script, and how much later, beyond that, the rest of
the answer (at a quarter, half, three quarters and all of its letters).
"""

import http.client
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "targets"))
from check import Tower, reduced  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

QUESTIONS = int(os.environ.get("BENCH_QUESTIONS", "15"))
# The box, and the body of the newest answer: what a person reads off the page when writing such a script.
SCRIPTS = {
    "fresh-sse": ("#prompt", ".row.bot .body"),
    "classic-sse": ("#prompt", ".row.bot .body"),
    "two-step-ws": ("textarea", ".row.bot .content"),
    "bare-dom": ("textarea", ".x80 .q1z"),
}
OBSERVE = """([css, before]) => {
  const tell = () => { const all = document.querySelectorAll(css); if (all.length > before) report(all[all.length - 1].innerText); };
  if (window.watching) window.watching.disconnect();
  window.watching = new MutationObserver(tell);
  window.watching.observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
LATER = (0.25, 0.5, 0.75, 1.0)


class Site:
    """The test site, at its default pace."""

    def __init__(self):
        program = os.environ["BENCH_SITE"]
        self.process = subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.facts = json.loads(self.process.stdout.readline().removeprefix("SITE "))

    def url(self, shape):
        return f"{self.facts['base']}/{shape}/"

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Timeline:
    """How many letters of the answer had come when."""

    def __init__(self):
        self.began, self.points, self.text = time.monotonic(), [], ""

    def hear(self, text):
        self.text = text
        letters = len(reduced(text))
        if letters and (not self.points or letters > self.points[-1][1]):
            self.points.append((time.monotonic() - self.began, letters))

    def at(self, part):
        """Seconds until this part of the answer was there."""
        wanted = self.points[-1][1] * part
        return next(when for when, letters in self.points if letters >= wanted)

    def first(self):
        return self.points[0][0]


class Script:
    """The hand-written one."""

    def __init__(self, browser, site, shape):
        self.box, self.answer = SCRIPTS[shape]
        context = browser.new_context()
        self.page = context.new_page()
        self.page.expose_function("report", lambda text: self.timeline.hear(text))
        self.page.goto(site.url(shape))
        if self.page.locator("input[type=password]").count() or "/login" in self.page.url:
            self.sign_in(site)
        self.page.wait_for_selector(self.box)
        time.sleep(1)

    def sign_in(self, site):
        for _ in range(2):
            for field in self.page.locator("input:visible").all():
                kind = field.get_attribute("type")
                if kind == "password":
                    field.fill(site.facts["password"])
                elif kind in ("text", "email", None) and not field.input_value():
                    field.fill(site.facts["user"])
            self.page.locator("button:visible, input[type=submit]:visible").filter(has_not_text=re.compile("search|subscribe|news", re.I)).last.click()
            self.page.wait_for_timeout(800)
            if self.page.locator(self.box).count():
                return

    def ask(self, question, want):
        before = self.page.locator(self.answer).count()
        self.page.evaluate(OBSERVE, [self.answer, before])
        self.timeline = Timeline()
        self.page.fill(self.box, question)
        self.page.press(self.box, "Enter")
        until = time.monotonic() + 60
        while reduced(self.timeline.text) != want:
            if time.monotonic() > until:
                raise RuntimeError(f"the script read {self.timeline.text!r}")
            self.page.wait_for_timeout(20)
        return self.timeline


class Gateway:
    """computetower, asked as an OpenAI client would."""

    def __init__(self, tower, model):
        self.tower, self.model = tower, model
        self.address = tower.address.removeprefix("http://")

    def ask(self, question, want):
        body = json.dumps({"model": self.model, "stream": True, "messages": [{"role": "user", "content": question}]})
        connection = http.client.HTTPConnection(self.address, timeout=120)
        timeline, text = Timeline(), ""
        connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {self.tower.api_key}", "Content-Type": "application/json"})
        for line in connection.getresponse():
            if not line.startswith(b"data:") or line[5:].strip() == b"[DONE]":
                continue
            chunk = json.loads(line[5:])
            if "error" in chunk:
                raise RuntimeError(chunk["error"])
            text += "".join(choice["delta"].get("content") or "" for choice in chunk["choices"])
            timeline.hear(text)
        connection.close()
        if reduced(text) != want:
            raise RuntimeError(f"computetower read {text!r}")
        return timeline


def measure(tower, site, browser, shape):
    target = {"url": site.url(shape), "user": "" if shape == "fresh-sse" else site.facts["user"]}
    job = tower.finished(tower.register(shape, target, site.facts["password"])["job_id"])
    if job["state"] != "completed":
        raise RuntimeError(f"{shape}: the discovery ended in {job.get('failure') or job['state']}")
    script, gateway = Script(browser, site, shape), Gateway(tower, shape)
    firsts, laters, theirs = [], [], []
    for number in range(QUESTIONS + 4):
        question = f"Tell me a long story, number {number}"
        want = reduced(answer_of(site, question))
        turns = {}
        # Each goes first in turn.
        for asker in (script, gateway) if number % 2 else (gateway, script):
            turns[asker] = asker.ask(question, want)
        # The first ones open pages.
        if number < 4:
            continue
        ours, other = turns[gateway], turns[script]
        theirs.append(other.first())
        firsts.append(ours.first() - other.first())
        laters.extend((ours.at(part) - ours.first()) - (other.at(part) - other.first()) for part in LATER)
    return statistics.median(theirs), statistics.median(firsts), statistics.median(laters)


def answer_of(site, question):
    """The right answer, from the test site itself."""
    program = os.environ["BENCH_SITE"]
    return subprocess.run([program, "--answer", question], capture_output=True, text=True, check=True).stdout


def main():
    shapes = sys.argv[1:] or list(SCRIPTS)
    tower, site = Tower(), Site()
    try:
        tower.wait_until_ready()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"] if os.geteuid() == 0 else [])
            print("added to a Playwright script's time, medians in ms   first chunk (script)   first chunk added   later chunks added")
            for shape in shapes:
                theirs, first, later = measure(tower, site, browser, shape)
                held = "held" if first < 0.1 and later < 0.02 else "missed"
                print(f"{shape:<50} {theirs * 1000:20.0f} {first * 1000:20.0f} {later * 1000:20.0f}   {held} (< 100, < 20)", flush=True)
            browser.close()
    finally:
        site.stop()
        tower.stop()


if __name__ == "__main__":
    main()
