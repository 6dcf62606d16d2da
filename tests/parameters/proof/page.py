"""
A browser that shows a page, and tells when what appears in it.

    python -m tests.parameters.proof.page http://127.0.0.1:8080/parameters/ '#value'

Prints a JSON line `{"seen": text, "at": Unix time [s]}` for each text that the first element of a selector has, as soon as it has it.
SIGTERM ends it.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
from typing import Any, Final

from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS
from tests.compute.tab import BROWSERS

WATCH: Final = """(selector) => {
    let shown = null;
    const look = () => {
        const text = document.querySelector(selector)?.textContent ?? null;
        if (text === null || text === shown) return;
        shown = text;
        window.seen(text, (performance.timeOrigin + performance.now()) / 1e3);
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
    look();
}"""


def main(url: str, selector: str) -> None:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SystemExit("no Chromium: install chromium or google-chrome with the package manager")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())

    def seen(text: str, at: Any) -> None:
        print(json.dumps({"seen": text, "at": at}), flush=True)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        page = browser.new_page()
        page.on("pageerror", lambda error: print(f"Traceback of the page: {error}", flush=True))
        page.expose_function("seen", seen)
        page.goto(url)
        page.evaluate(WATCH, selector)
        print("page: ready", flush=True)
        while True:
            page.wait_for_timeout(1000)


if __name__ == "__main__":
    main(*sys.argv[1:])
