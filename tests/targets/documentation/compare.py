"""Reads real documentation through `computetower up`, and counts against what is on disk.

    run.sh [SITE...]        python, postgresql, policy; rust (21,600 pages) only when it is named

For each site: every page that links lead to is kept once (reference.py says which); a second sync asks for all of them and gets none, since nothing has
changed; three pages that are changed on disk are three changed documents, and their passages alone are written anew. Status 1 when anything is not so.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time
from urllib.parse import urlsplit

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))
import reference  # noqa: E402
from check import Tower  # noqa: E402
from server import Server  # noqa: E402

SITES = {
    "python": "/doc/python3.11/html/",
    "postgresql": "/doc/postgresql-doc-15/html/",
    "policy": "/doc/debian-policy/policy.html/",
    "rust": "/doc/rust-doc/html/",
}
MARK = "This sentence was written after the first sync"


class Knowledge:
    """The API of the knowledge sources, as far as it is needed here."""

    def __init__(self, tower):
        self.tower = tower

    def post(self, path, body):
        with self.tower.call("POST", path, body=body) as response:
            return json.load(response)

    def add(self, url, **options):
        return self.post("/api/v1/knowledge/sources", {"kind": "documentation", "url": url, "options": options})["id"]

    def sync(self, source, seconds=3600):
        """The entry of the history, once it has ended."""
        job = self.post(f"/api/v1/knowledge/sources/{source}/sync", {})["job_id"]
        ended = self.tower.finished(job, seconds)
        newest = self.tower.get(f"/api/v1/knowledge/sources/{source}/syncs?limit=1")["syncs"][0]
        return {**newest, "state": ended["state"], "failure": ended.get("failure")}

    def documents(self, source):
        cursor = ""
        while cursor is not None:
            page = self.tower.get(f"/api/v1/knowledge/sources/{source}/documents?limit=200{cursor}")
            yield from page["documents"]
            cursor = f"&cursor={page['next_cursor']}" if page.get("next_cursor") else None

    def search(self, words, source):
        from urllib.parse import quote

        return self.tower.get(f"/api/v1/knowledge/search?q={quote(words)}&source={source}")


class Checks:
    def __init__(self):
        self.failed = 0

    def say(self, what, right, detail=""):
        self.failed += not right
        print(f"  {'ok    ' if right else 'WRONG '} {what}{f': {detail}' if detail else ''}", flush=True)


def copied(root, start, folder):
    """A site of one's own, whose pages may be changed: links, so that most of it is not copied."""
    for place in [start, "/javascript"]:
        source = root + place
        if os.path.isdir(source):
            shutil.copytree(source, folder + place, copy_function=os.link if same_disk(source, folder) else shutil.copy2, dirs_exist_ok=True)
    return folder


def same_disk(one, other):
    return os.stat(one).st_dev == os.stat(other).st_dev


def touch(folder, paths):
    """Three pages get a sentence more."""
    for path in paths:
        file = reference.file_of(folder, path)
        text = pathlib.Path(file).read_text(encoding="utf-8", errors="surrogateescape")
        # A link is replaced, not written through.
        os.unlink(file)
        # The longest paragraph is none of the furniture.
        end = max(re.finditer(r"<p\b[^>]*>(.*?)</p>", text, re.DOTALL), key=lambda found: len(found.group(1))).end(1)
        pathlib.Path(file).write_text(f"{text[:end]} {MARK}.{text[end:]}", encoding="utf-8", errors="surrogateescape")


def check_site(knowledge, name, root):
    checks, start = Checks(), SITES[name]
    print(name, flush=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(root)) as folder:
        copied(root, start, folder)
        expected, nowhere = reference.pages(folder, start)
        server = Server(folder)
        source = knowledge.add(server.address + start, max_pages=100_000, at_once=16)
        began = time.monotonic()
        first = knowledge.sync(source)
        took = time.monotonic() - began
        checks.say("the first sync completes", first["state"] == "completed", json.dumps(first["failure"] or first["counts"]))
        kept = {}
        for document in knowledge.documents(source):
            file = reference.file_of(folder, urlsplit(document["url"]).path)
            kept.setdefault(file, []).append(document["url"])
        missed = sorted(expected[file] for file in expected.keys() - kept.keys())
        more = sorted(url for file in kept.keys() - expected.keys() for url in kept[file])
        twice = sorted(url for urls in kept.values() if len(urls) > 1 for url in urls)
        checks.say(f"all of {len(expected)} pages are kept", not missed, f"{len(missed)} missed, as {missed[:3]}" if missed else f"{len(expected) / took:.0f} a second")
        checks.say("and nothing else", not more, str(more[:3]) if more else "")
        checks.say("each of them once", not twice, str(twice[:4]) if twice else "")
        counts = first["counts"]
        checks.say("what was found adds up", counts["discovered"] == sum(counts[part] for part in ("queued", "running", "done", "failed", "skipped")), json.dumps(counts))
        checks.say(f"addresses that lead nowhere fail, {len(nowhere)} of them", counts["failed"] == len(nowhere), str(counts["failed"]))

        server.forget()
        second = knowledge.sync(source)
        pages = sum(server.asked[path] > 0 for path in expected.values())
        checks.say("a second sync asks for each page", pages == len(expected), f"{pages} asked, statuses {dict(server.counts)}")
        checks.say("and gets none", server.counts[304] >= len(expected), f"{server.counts[304]} were told that nothing has changed")
        checks.say("and changes nothing", second["counts"].get("changed", 0) == second["counts"].get("new", 0) == second["counts"].get("gone", 0) == 0, json.dumps(second["counts"]))

        paths = sorted(expected.values(), key=lambda path: hashlib.sha256(path.encode()).digest())
        paths = [path for path in paths if re.search(r"<p\b[^>]*>[^<]{200,}", pathlib.Path(reference.file_of(folder, path)).read_text(errors="replace"))][:3]
        touch(folder, paths)
        third = knowledge.sync(source)
        checks.say("three pages that have changed are three", third["counts"].get("changed") == 3 and third["counts"].get("new", 0) == 0, json.dumps(third["counts"]))
        found = knowledge.search(MARK, source)
        found = {urlsplit(hit["url"]).path for hit in found["results"] if MARK in hit["text"]}
        checks.say("and are found by what is new in them", found == set(paths), f"{sorted(found)} of {sorted(paths)}")
        server.shutdown()
    return checks.failed


def main():
    root = sys.argv[1]
    names = sys.argv[2:] or ["policy", "postgresql", "python"]
    unknown = set(names) - SITES.keys()
    if unknown:
        sys.exit(f"compare.py knows {', '.join(SITES)}, not {', '.join(unknown)}")
    tower = Tower()
    try:
        tower.wait_until_ready()
        knowledge = Knowledge(tower)
        failed = sum(check_site(knowledge, name, root) for name in names)
    finally:
        tower.stop()
    print(f"{failed} wrong" if failed else "all right")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
