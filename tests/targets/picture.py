"""Draws what a discovery found on a real chat page: the page as the platform saw it, with the box, the control that sends, and the reasons.

    tests/targets/picture.py deep-chat docs/pictures/discovery.png

The elements are those that the chat map names, so the picture shows the decision and not what somebody thinks of it. It needs Playwright
(bench/peers/playwright/requirements.txt) for the drawing.
"""

import os
import sys

from check import Target, Tower
from playwright.sync_api import sync_playwright

DRAW = """([marks, reasons]) => {
  const put = (style, text) => { const div = document.createElement('div'); div.textContent = text || ''; Object.assign(div.style, {position: 'fixed', zIndex: 2147483647,
    font: '13px/1.35 sans-serif', boxSizing: 'border-box', pointerEvents: 'none', whiteSpace: 'pre-line', ...style}); document.documentElement.append(div); };
  for (const [element, name, colour] of marks) {
    if (!element) continue;
    const at = element.getBoundingClientRect();
    put({left: at.left - 4 + 'px', top: at.top - 4 + 'px', width: at.width + 8 + 'px', height: at.height + 8 + 'px', border: '3px solid ' + colour, borderRadius: '6px'});
    // Names at the right edge grow to the left, above the others.
    const side = at.left > innerWidth * 0.6 ? {right: innerWidth - at.right - 4 + 'px', top: at.top - 50 + 'px'} : {left: at.left - 4 + 'px', top: at.top - 26 + 'px'};
    put({...side, background: colour, color: 'white', padding: '1px 6px', borderRadius: '4px', whiteSpace: 'nowrap'}, name);
  }
  put({right: '12px', top: '12px', width: '380px', background: '#fffffff0', color: '#222', border: '1px solid #888', borderRadius: '6px', padding: '10px'}, reasons);
}"""


def locator(page, written):
    """The element of a locator of ours; Playwright's CSS enters open shadow roots by itself."""
    frame = page
    *frames, last = written.split(" |>> ")
    for one in frames:
        frame = frame.frame_locator(one)
    return frame.locator(last.replace(" >>> ", " >> ")).first.element_handle(timeout=20_000)


def sign_in(page, target):
    """On a page with user name and password together."""
    page.wait_for_selector("input[type=password]")
    for field in page.locator("input:visible").all():
        field.fill(target["password"] if field.get_attribute("type") == "password" else target["user"])
    page.locator("button:visible").filter(has_text="og").first.click()


def found_by(target):
    """The chat map of a discovery by the platform."""
    tower = Tower()
    try:
        tower.wait_until_ready()
        told = tower.register("pictured", target, target["password"])
        ended = tower.finished(told["job_id"])
        if ended["state"] != "completed":
            raise SystemExit(f"the discovery ended in {ended.get('failure') or ended['state']}")
        return tower.get(f"/admin/providers/{told['provider_id']}", tower.admin_key)["chat_map"]
    finally:
        tower.stop()


def draw(target, found, path):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"] if os.geteuid() == 0 else [])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(target["url"])
        if target["user"]:
            sign_in(page, target)
        box = locator(page, found["input"])
        box.fill("How long does a refund take?")
        send = locator(page, found["send_button"]) if found.get("send_button") else None
        said = [f"confidence {found['confidence']:.2f}; answers come by {found['method']}", *found["reasons"]]
        page.evaluate(DRAW, [[[box, f"box: {found['input']}", "#0b6e4f"], [send, f"send: {found.get('send_button')}", "#b3421e"]], "\n".join(said)])
        page.screenshot(path=path)
        browser.close()


def main():
    name, path = sys.argv[1:]
    app = Target(name)
    try:
        draw(app.facts, found_by(app.facts), path)
    finally:
        app.stop()


if __name__ == "__main__":
    main()
