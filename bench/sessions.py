"""Many sessions at once, idle: what each costs in memory, beside a context of a Playwright script that shows the same page.

    bench/run.sh sessions

Each session is a provider of its own, so it has a browser context of its own, as each account has. All are asked once, so each keeps the page of its
conversation; then nobody asks anything for a while, and memory is read. After that each conversation is gone on with. The script opens as many contexts in one browser, with
the same page, asks the same question there, and waits the same while.

BENCH_SESSIONS (100), BENCH_IDLE_SECONDS (30).
"""

import concurrent.futures
import json
import os
import statistics
import time

import processes
from chat import SCRIPTS, Site, Tower, answer_of, reduced
from playwright.sync_api import sync_playwright

SESSIONS = int(os.environ.get("BENCH_SESSIONS", "100"))
IDLE_SECONDS = int(os.environ.get("BENCH_IDLE_SECONDS", "30"))
SHAPE = "fresh-sse"
# As many as the queue has slots for by default; more would only wait.
AT_ONCE = 4


def browsers_of(pid):
    """The processes of each browser under a process, the browser's first."""
    everyone = processes.tree(pid)
    roots = [one for one in everyone if "--remote-debugging" in processes.command(one) and "--type=" not in processes.command(one)]
    trees = {root: processes.tree(root) for root in roots}
    # Its launcher is a process above it with the same command line.
    return [found for root, found in trees.items() if not any(root in other for top, other in trees.items() if top != root)]


def together(work, items):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, items))


def ask(tower, name, question, want, history=()):
    text, _, seconds, job = tower.ask(name, question, stream=False, history=history)
    if reduced(text) != want:
        raise RuntimeError(f"{name}: {text!r}")
    return text, seconds, job


def came_by(tower, job):
    """How the attempt came by its page."""
    steps = tower.get(f"/api/v1/jobs/{job}/steps")
    return next((step["detail"]["page"] for step in steps if step["kind"] == "chat.page"), "?")


def ours(site, question, want):
    tower = Tower()
    try:
        tower.wait_until_ready()
        names = [f"session-{number}" for number in range(SESSIONS)]
        jobs = [tower.register(name, {"url": site.url(SHAPE), "user": ""}, "")["job_id"] for name in names]
        for name, job in zip(names, jobs):
            ended = tower.finished(job, 1800)
            if ended["state"] != "completed":
                raise RuntimeError(f"{name}: the discovery ended in {ended.get('failure') or ended['state']}")
        answers = [text for text, *_ in together(lambda name: ask(tower, name, question, want), names)]
        busy = processes.cpu_seconds([tower.process.pid])
        time.sleep(IDLE_SECONDS)
        busy = (processes.cpu_seconds([tower.process.pid]) - busy) / IDLE_SECONDS
        held = [processes.shared_out_megabytes(browser) for browser in browsers_of(tower.process.pid)]
        more = question + " again"
        more_wanted = reduced(answer_of(site, more))
        said = [[{"role": "user", "content": question}, {"role": "assistant", "content": answer}] for answer in answers]
        again = together(lambda at: ask(tower, names[at], more, more_wanted, said[at]), range(SESSIONS))
        pages = [came_by(tower, job) for *_, job in again]
        return held, busy, statistics.median(seconds for _, seconds, _ in again), {how: pages.count(how) for how in sorted(set(pages))}
    finally:
        tower.stop()


def theirs(playwright, site, question, want):
    box, answer = SCRIPTS[SHAPE]
    browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"] if os.geteuid() == 0 else [])
    pages = []
    for _ in range(SESSIONS):
        page = browser.new_context().new_page()
        page.goto(site.url(SHAPE))
        page.fill(box, question)
        page.press(box, "Enter")
        pages.append(page)
    for page in pages:
        until = time.monotonic() + 120
        while reduced(page.locator(answer).last.inner_text()) != want:
            if time.monotonic() > until:
                raise RuntimeError("the script was not answered")
            page.wait_for_timeout(50)
    time.sleep(IDLE_SECONDS)
    held = [processes.shared_out_megabytes(found) for found in browsers_of(os.getpid())]
    browser.close()
    return held


def main():
    site = Site()
    question = "Tell me a long story"
    want = reduced(answer_of(site, question))
    try:
        held, busy, seconds, pages = ours(site, question, want)
        for number, megabytes in enumerate(sorted(held), 1):
            print(f"computetower, browser {number} of {len(held)}: {megabytes:,.0f} MB, {megabytes / SESSIONS:.1f} a session of {SESSIONS}", flush=True)
        print(f"all of its processes while nobody asks: {busy:.2f} of one core", flush=True)
        print(f"gone on with after {IDLE_SECONDS} s: all {SESSIONS} answered, {seconds:.2f} s (median, {AT_ONCE} at once); pages: {json.dumps(pages)}", flush=True)
        with sync_playwright() as playwright:
            [megabytes] = theirs(playwright, site, question, want)
        print(f"Playwright: {megabytes:,.0f} MB, {megabytes / SESSIONS:.1f} a context of {SESSIONS}")
    finally:
        site.stop()


if __name__ == "__main__":
    main()
