#!/usr/bin/env python3
"""Starts `daris serve` under load, and looks at its live page in a browser, its metrics and its log.

    python3 Tests/Clients/live-page.py [--daris .build/release/daris] [--screenshots DIR]

Checked are what the page shows and how it moves, that it fits screens of 1440 and 390 points, works with the keyboard
alone and without complaints in the console, what it says when the server ends and that it comes back, tokens; the
metrics, with Prometheus' own parser where prometheus_client is installed; the limit of watchers; and that neither the
page nor a watcher that has stopped reading keeps the server from ending.

It needs Chromium and a built daris with its ONNX Runtime. Without Chromium it says so and succeeds; without daris it
fails.
"""

import argparse
import contextlib
import json
import pathlib
import re
import socket
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from browser import Browser
from common import Checks, Server

ROOT = pathlib.Path(__file__).resolve().parents[2]

TASKS = """
device: cpu
partition: {contexts: 2, streams: 1, oversubscription: 1}
models:
  resnet18: {builtin: resnet18}
tasks:
  - {name: classify, model: resnet18, rate: 2 Hz, deadline: 500 ms, priority: high, arrival: sporadic, instances: 2}
  - {name: classify-later, model: resnet18, rate: 2 Hz, deadline: 1 s, priority: low, arrival: sporadic, late: drop,
     instances: 3}
  - {name: a-task-with-a-rather-long-name.v2, model: resnet18, rate: 1 Hz, deadline: 2 s, priority: low,
     arrival: sporadic}
  - {name: camera, model: resnet18, rate: 2 Hz, priority: high}
"""


class WatchedServer(Server):
    def __init__(self, daris, taskset, *options, port=0):
        super().__init__(
            [daris, "serve", taskset, "--http", f"127.0.0.1:{port}", "--grpc", "off", "--log-format", "json", *options])

    @property
    def port(self):
        return int(self.http.rsplit(":", 1)[1])

    def get(self, path, headers={}):
        request = urllib.request.Request(f"http://{self.http}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    def watch(self):
        """A connection to the event stream, and the beginning of its answer."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(b"GET /v2/daris/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return connection, connection.recv(12)


class Load:
    """Requests, one after the other from a few clients, until it is stopped."""

    def __init__(self, server):
        self.isOver = False
        self.answers = {}
        body = bytes(4 * 3 * 224 * 224)
        head = json.dumps({"inputs": [{
            "name": "input", "datatype": "FP32", "shape": [1, 3, 224, 224],
            "parameters": {"binary_data_size": len(body)}}]}).encode()

        def client(model):
            while not self.isOver:
                request = urllib.request.Request(
                    f"http://{server.http}/v2/models/{model}/infer", data=head + body, method="POST",
                    headers={"Inference-Header-Content-Length": str(len(head)), "X-Request-Id": f"load-{model}"})
                try:
                    with urllib.request.urlopen(request, timeout=30) as answer:
                        answer.read()
                        status = answer.status
                except urllib.error.HTTPError as error:
                    status = error.code
                except OSError:
                    status = 0
                self.answers[status] = self.answers.get(status, 0) + 1
                time.sleep(0.05)

        models = ["classify", "classify-later", "classify-later", "classify-later"]
        self.threads = [threading.Thread(target=client, args=(model,)) for model in models]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.isOver = True
        for thread in self.threads:
            thread.join()


def page(checks, browser, server, screenshots):
    browser.look(1440, 1000)
    browser.open(f"http://{server.http}/")
    checks.that(browser.wait("document.body.className === 'live'"), "the page is live")
    rows = browser.evaluate("[...document.querySelectorAll('#tasks tbody tr')].map(row => row.innerText)")
    checks.that(len(rows) == 4, f"each task has a row: {rows}")
    checks.that("×3" in rows[2] and "contexts 0, 1" in rows[2], f"instances are counted: {rows[2]}")
    checks.that([row.split()[0] for row in rows] == ["HP"] * 2 + ["LP"] * 2, "HP tasks come first, in words")
    checks.that(browser.evaluate("document.querySelectorAll('.context canvas').length") == 2, "two contexts are drawn")
    total = "Number(document.querySelector('.tile:not(.dial) .sub').textContent.split(' ')[0])"
    before = browser.evaluate(total)
    checks.that(browser.wait(f"{total} > {before} + 3"), "inferences are counted")
    tiles = browser.evaluate("document.getElementById('tiles').innerText")
    checks.that(re.search(r"\d+ of [\d,.\s]+ refused", tiles) is not None, f"refusals are counted: {tiles}")
    # Requests beside jobs: a row a model, with what it refused, and why.
    models = "[...document.querySelectorAll('#models tbody tr')].map(row => row.innerText)"
    checks.that(
        browser.wait(f"({models}).length === 3 && /[1-9]/.test(({models})[2].split('Refused')[0])"),
        f"each model has a row: {browser.evaluate(models)}")
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://{server.http}/v2/models/a-task-with-a-rather-long-name.v2/infer", data=b"{}", timeout=30)
    checks.that(
        browser.wait(f"/'inputs' is missing.*ago/s.test(({models})[0])", 30),
        f"the last error is told: {browser.evaluate(models)}")
    checks.that(
        browser.wait("/busy [1-9][0-9]* %, measured/.test(document.getElementById('dial-busy-sub').textContent)", 30),
        "what is measured is told beside what is planned")
    checks.that(
        browser.wait("[...document.querySelectorAll('.chart .line')].filter(line => line.getAttribute('d')).length >= 5", 30),
        "the last minutes are drawn")
    axes = browser.evaluate("[...document.querySelectorAll('.chart')].map(chart => chart.textContent)")
    checks.that(len(axes) == 3 and all("10 min" in text and "now" in text for text in axes), f"axes: {axes}")
    terms = browser.evaluate("document.querySelectorAll('#terms dt').length")
    checks.that(terms >= 8, f"words are explained: {terms}")
    colours = """(() => {
        const canvas = document.querySelector('.context canvas'), colours = new Set();
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3] > 200) colours.add(pixels.slice(i, i + 3).join());
        return colours.has('0,114,178') + ',' + (colours.size > 3);
    })()"""
    checks.that(browser.wait(f"{colours} === 'true,true'"), "stages are drawn on the timeline")
    checks.that(
        browser.wait("/stage \\d of \\d/.test(document.querySelector('#contexts').innerText)"),
        "what runs is said in words")
    time.sleep(12)
    for name, width, height, dark, mobile in [
        ("1440-light", 1440, 1000, False, False), ("1440-dark", 1440, 1000, True, False),
        ("390-light", 390, 844, False, True), ("390-dark", 390, 844, True, True),
    ]:
        browser.look(width, height, dark, mobile)
        time.sleep(1)
        checks.that(
            browser.evaluate("document.documentElement.scrollWidth") <= width,
            f"{name}: nothing is wider than the screen")
        browser.screenshot(screenshots / f"live-{name}.png")
    browser.look(1440, 1000)
    # With the keyboard alone: to the button, press it, and again.
    pressed = "document.getElementById('pause').getAttribute('aria-pressed')"
    for _ in range(12):
        browser.key("Tab", 9)
        if browser.evaluate("document.activeElement.id") == "pause":
            break
    browser.key("Enter", 13, "\r")
    checks.that(browser.evaluate(pressed) == "true", "the keyboard pauses")
    words = "document.querySelector('#contexts').innerText"
    text = browser.evaluate(words)
    time.sleep(1)
    checks.that(browser.evaluate(words) == text, "what is paused stands still")
    browser.key("Enter", 13, "\r")
    checks.that(browser.evaluate(pressed) == "false", "the keyboard goes on")
    # That pixels are read again and again is this script's doing.
    complaints = [text for text in browser.complaints if "willReadFrequently" not in text]
    checks.that(complaints == [], f"the console is quiet: {complaints}")


def metrics(checks, server):
    status, body, headers = server.get("/metrics")
    text = body.decode()
    checks.that(status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4"), "metrics are served")
    for name in ("daris_requests_total", "daris_response_seconds_bucket", "process_resident_memory_bytes"):
        checks.that(f"\n{name}" in text, f"{name} is there")
    dashboard = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text())
    for target in (target for panel in dashboard["panels"] for target in panel["targets"]):
        for name in re.findall(r"\b(?:daris|process)_\w+", target["expr"]):
            checks.that(f"\n{name}{{" in text or f"\n{name} " in text, f"the dashboard's {name} is there")
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError:
        print("note: prometheus_client is not installed; its parser is not asked")
        return
    families = {family.name: family for family in text_string_to_metric_families(text)}
    answered = sum(
        sample.value for sample in families["daris_requests"].samples
        if sample.labels["model"] == "classify" and sample.labels["fate"] == "answered")
    checks.that(answered > 0, f"Prometheus' parser reads the requests: {answered}")
    tasks = {sample.labels["task"] for sample in families["daris_jobs"].samples}
    checks.that("a-task-with-a-rather-long-name.v2" in tasks, f"Prometheus' parser reads the tasks: {tasks}")
    checks.that(families["daris_response_seconds"].type == "histogram", "responses are a histogram")


def protocol(checks, server):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    status, _, headers = server.get("/v2/models/nothing", {"X-Request-Id": "mine-7", "traceparent": trace})
    checks.that(status == 404 and headers["X-Request-Id"] == "mine-7", "a request id comes back")
    _, _, headers = server.get("/")
    checks.that("default-src 'none'" in headers["Content-Security-Policy"], "the page has a policy")
    checks.that(headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff", "guards")
    checks.that(len(headers["X-Request-Id"]) == 16, "an id is made where there is none")
    watchers = []
    refusal = b""
    for _ in range(40):
        connection, answer = server.watch()
        watchers.append(connection)
        if b"503" in answer:
            refusal = answer + connection.recv(4096)
            break
    checks.that(b"Retry-After" in refusal and len(watchers) <= 33, f"watchers are limited: {len(watchers)} {refusal!r}")
    for connection in watchers:
        connection.close()


def end_and_return(checks, browser, daris, taskset, server, load, screenshots):
    stuck, _ = server.watch()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    time.sleep(1)
    load.stop()
    code, seconds, _ = server.end()
    checks.that(code == 0 and seconds < 6, f"the server ends with {code} in {seconds:.1f} s with watchers there")
    stuck.close()
    checks.that(browser.wait("document.body.className === 'lost'"), "the page says that the connection is lost")
    banner = browser.evaluate("document.getElementById('banner-text').innerText")
    checks.that("Trying again" in banner and "old" in banner, f"the page says what it does about it: {banner}")
    browser.screenshot(screenshots / "live-lost.png")
    again = WatchedServer(daris, taskset, port=server.port)
    checks.that(browser.wait("document.body.className === 'live'", 60), "the page comes back by itself")
    checks.that(browser.evaluate("document.getElementById('banner').hidden"), "and no longer says that it is lost")
    again.end()
    checks.that(all(json.loads(line) for line in server.rest if line.startswith("{")), "the log is JSON")
    lines = [json.loads(line) for line in server.rest if line.startswith("{")]
    ids = {line.get("request_id") for line in lines}
    checks.that("mine-7" in ids and "load-classify" in ids, "requests are in the log under their ids")
    checks.that(
        any(line.get("trace_id") == "0af7651916cd43dd8448eb211c80319c" for line in lines), "and under their trace")


def tokens(checks, browser, daris, folder):
    (folder / "tokens").write_text("secret-token\n")
    (folder / "gated.yaml").write_text(TASKS + f"serve: {{tokens: {{inference: {folder / 'tokens'}}}}}\n")
    server = WatchedServer(daris, folder / "gated.yaml")
    checks.that(server.get("/")[0] == 200, "the page itself is for anybody")
    checks.that(server.get("/metrics")[0] == 401 and server.get("/v2/daris/live")[0] == 401, "its data are not")
    checks.that(server.get("/metrics", {"Authorization": "Bearer secret-token"})[0] == 200, "a token opens the metrics")
    browser.open(f"http://{server.http}/")
    checks.that(browser.wait("!document.getElementById('gate').hidden"), "the page asks for a token")
    for token, shown in [("wrong", "does not know this token"), ("secret-token", "")]:
        checks.that(browser.wait("document.activeElement.id === 'token'"), "the field has the focus")
        browser.type(token)
        browser.key("Enter", 13, "\r")
        if shown:
            checks.that(browser.wait(f"document.getElementById('gate-text').innerText.includes('{shown}')"), shown)
    checks.that(browser.wait("document.body.className === 'live'"), "with the token the page is live")
    document = browser.evaluate("document.documentElement.outerHTML")
    checks.that("secret-token" not in document, "the token is not in the page")
    kept = browser.evaluate("localStorage.length + sessionStorage.length + document.cookie.length")
    checks.that(kept == 0, "nor kept")
    browser.open("about:blank")
    code, _, _ = server.end()
    checks.that(code == 0, f"the server with tokens ends with {code}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    parser.add_argument("--screenshots", type=pathlib.Path, help="keep what the page looked like in this folder")
    arguments = parser.parse_args()
    if not arguments.daris.exists():
        raise SystemExit(f"{arguments.daris} is not there; build it with 'swift build'")
    try:
        browser = Browser()
    except FileNotFoundError as error:
        print(f"skipped: {error}")
        return
    daris = arguments.daris.resolve()
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        screenshots = arguments.screenshots or folder
        screenshots.mkdir(exist_ok=True)
        (folder / "serve.yaml").write_text(TASKS)
        try:
            server = WatchedServer(daris, folder / "serve.yaml", "--log-level", "debug")
            load = Load(server)
            try:
                page(checks, browser, server, screenshots)
                metrics(checks, server)
                protocol(checks, server)
                end_and_return(checks, browser, daris, folder / "serve.yaml", server, load, screenshots)
            finally:
                load.stop()
                if server.process.poll() is None:
                    server.process.kill()
            tokens(checks, browser, daris, folder)
        finally:
            browser.close()
    checks.that(load.answers.get(200, 0) > 0, f"requests were answered: {load.answers}")
    checks.end("the live page")


if __name__ == "__main__":
    main()
