"""Which pages of a site can be reached by links, read off the files on disk: what a complete crawl has to find.

    reference.py ROOT START      a line for each page, e.g. reference.py /usr/share /doc/python3.11/html/
"""

import html
import os
import re
import sys
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

# Nothing of these is a link, whatever it looks like.
SILENT = re.compile(r"<!--.*?-->|<script\b.*?</script\s*>|<style\b.*?</style\s*>", re.DOTALL | re.IGNORECASE)
LINK = re.compile(r"""<(a|area)\s[^>]*?\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""", re.DOTALL | re.IGNORECASE)
BASE = re.compile(r"""<base\s[^>]*?\bhref\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
REFRESH = re.compile(r"""<meta\s[^>]*http-equiv\s*=\s*["']?refresh["']?[^>]*url\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
HOST = "http://site"


def file_of(root, path):
    """The file that a server would send, or None."""
    file = root + unquote(path)
    if os.path.isdir(file):
        file = os.path.join(file, "index.html")
    return os.path.realpath(file) if os.path.isfile(file) else None


def links(text, address):
    text = SILENT.sub("", text)
    base = BASE.search(text)
    if base:
        address = urljoin(address, html.unescape(base.group(1)))
    found = [next(part for part in match.groups()[1:] if part is not None) for match in LINK.finditer(text)]
    found += REFRESH.findall(text)
    for href in found:
        try:
            yield urlsplit(urldefrag(urljoin(address, html.unescape(href).strip()))[0])
        except ValueError:
            continue


def pages(root, start):
    """{file on disk: path of its address} of all pages at or below `start` that links lead to, and how many links lead nowhere."""
    found, seen, waiting, broken = {}, {start}, [start], set()
    while waiting:
        path = waiting.pop()
        file = file_of(root, path)
        if file is None:
            broken.add(path)
            continue
        if not file.endswith((".html", ".htm")) or file in found:
            continue
        # A folder is read by its address with the slash, to which servers lead.
        if os.path.isdir(root + unquote(path)) and not path.endswith("/"):
            path += "/"
        found[file] = path
        with open(file, encoding="utf-8", errors="replace") as page:
            text = page.read()
        for link in links(text, HOST + path):
            if HOST == f"{link.scheme}://{link.netloc}" and link.path.startswith(start) and link.path not in seen:
                seen.add(link.path)
                waiting.append(link.path)
    return found, broken


if __name__ == "__main__":
    reached, nowhere = pages(sys.argv[1], sys.argv[2])
    print("\n".join(sorted(reached.values())))
    print(f"{len(reached)} pages, {len(nowhere)} addresses that lead nowhere", file=sys.stderr)
