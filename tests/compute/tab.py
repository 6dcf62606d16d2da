"""
A browser with one tab that is lent: opens the page, presses its button, and stays until it is ended.

    python -m tests.compute.tab http://127.0.0.1:8080/salesman/lend/

SIGTERM closes the tab as a person does, SIGKILL ends the browser with it.
"""

from __future__ import annotations

import shutil
import signal
import sys

from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main(url: str) -> None:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SystemExit("no Chromium: install chromium or google-chrome with the package manager")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        page = browser.new_page()
        page.on("pageerror", lambda error: print(f"Traceback of the page: {error}", flush=True))
        page.goto(url)
        page.get_by_role("button", name="lend this tab").click()
        print("tab: ready", flush=True)
        while True:
            page.wait_for_timeout(100)


if __name__ == "__main__":
    main(sys.argv[1])
