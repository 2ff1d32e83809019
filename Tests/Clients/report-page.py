#!/usr/bin/env python3
"""Opens the report of a run in Chromium and works with it as a reader would.

    python3 Tests/Clients/report-page.py [--daris .build/debug/daris] [--screenshots DIR]

An overloaded run is simulated and recorded, and its page opened from the disk. Checked are that it asks no server for
anything, what it shows of figures, stages, misses and rejections, that it zooms, goes from miss to miss and explains each, and
that it fits screens of 1440 and 390 points, light and dark.

It needs Chromium and a built daris. Without Chromium it says so and succeeds.
"""

import argparse
import pathlib
import re
import subprocess
import tempfile
import time

from browser import Browser
from common import Checks

ROOT = pathlib.Path(__file__).resolve().parents[2]


def read(checks, browser, path, screenshots):
    browser.look(1440, 1000)
    browser.open(f"file://{path}")
    text = browser.evaluate("document.body.innerText")
    checks.that("RTX 2080 Ti" in text and "simulated" in text.lower(), "the device is named, and called simulated")
    checks.that(re.search(r"JPS|inferences", text) is not None, "the throughput is there")
    checks.that(re.search(r"HP[\s\S]*LP", text) is not None, "HP and LP are told apart in words")
    checks.that("rejected" in text, "rejections are explained")
    requests = browser.evaluate("performance.getEntriesByType('resource').length")
    checks.that(requests == 0, f"nothing is fetched: {requests}")
    colours = """(() => {
        const canvas = document.querySelector('#lanes'), colours = new Set();
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3] > 200) colours.add(pixels.slice(i, i + 3).join());
        return colours.size;
    })()"""
    checks.that(browser.wait(f"{colours} > 3"), "stages are drawn on the timeline")

    def press(what):
        browser.evaluate(f"document.querySelector('[data-do={what}]').click()")
        time.sleep(0.3)
        return browser.evaluate("document.getElementById('span').textContent")

    whole = press("all")
    closer = press("in")
    checks.that(closer != whole, f"it zooms in: {closer}")
    checks.that(press("right") != closer, "it moves")
    checks.that(press("all") == whole, "and shows the whole run again")
    detail = "document.getElementById('detail').textContent"
    before = browser.evaluate(detail)
    press("miss")
    first = browser.evaluate(detail)
    checks.that(first != before and "deadline" in first, f"a miss is explained: {first}")
    press("miss")
    checks.that(browser.evaluate(detail) != first, "and the next one")
    for name, width, height, dark, mobile in [
        ("1440-light", 1440, 1000, False, False), ("1440-dark", 1440, 1000, True, False),
        ("390-light", 390, 844, False, True), ("390-dark", 390, 844, True, True),
    ]:
        browser.look(width, height, dark, mobile)
        time.sleep(0.5)
        wide = browser.evaluate("document.documentElement.scrollWidth")
        checks.that(wide <= width, f"{name}: nothing is wider than the screen: {wide}")
        checks.that(browser.wait(f"{colours} > 3"), f"{name}: stages are drawn")
        browser.screenshot(screenshots / f"report-{name}.png")
    checks.that(not browser.complaints or all("willReadFrequently" in text for text in browser.complaints),
                f"the browser complains of nothing: {browser.complaints}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    parser.add_argument("--screenshots", type=pathlib.Path, help="keep what the page looked like in this folder")
    arguments = parser.parse_args()
    daris = arguments.daris.resolve()
    try:
        browser = Browser()
    except FileNotFoundError as error:
        print(f"skipped: {error}")
        return
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        screenshots = arguments.screenshots or folder
        screenshots.mkdir(parents=True, exist_ok=True)
        record, page = folder / "run.jsonl", folder / "run.html"
        subprocess.run(
            [daris, "simulate", ROOT / "examples/paper-resnet18.yaml", "--load", "170%", "--duration", "2s", "--record",
             record], check=True, capture_output=True)
        subprocess.run([daris, "report", record, "-o", page], check=True, capture_output=True)
        read(checks, browser, page, screenshots)
    browser.close()
    checks.end("the report page")


if __name__ == "__main__":
    main()
