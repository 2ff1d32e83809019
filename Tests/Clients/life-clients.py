#!/usr/bin/env python3
"""Watches `daris serve` from its first moment to its last.

    python3 Tests/Clients/life-clients.py [--daris .build/release/daris]

Checked is what clients and load balancers hear while models are loaded, that a signal ends the server then at once and with 0,
and that one with a delay before its drain goes on taking requests while it says that it is not ready.

It needs the packages of Tests/Clients/requirements.txt, and a built daris with its ONNX Runtime. Without them it says so and
succeeds.
"""

import argparse
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import Checks, Server, need, save_sums

need("onnx", "tritonclient.grpc")

import tritonclient.grpc as over_grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
BODY = json.dumps(
    {"inputs": [{"name": name, "datatype": "FP32", "shape": [4, 16], "data": [0.5] * 64} for name in "ab"]})

# With --fresh the network is built, timed and cut, which takes some seconds.
LOADING = """
models:
  net: {{builtin: resnet18}}
  sums: {{file: {folder}/sums.onnx}}
tasks:
  - {{name: net, model: net, rate: 1 Hz, deadline: 10 s, priority: low, arrival: sporadic}}
  - {{name: sums, model: sums, rate: 10 Hz, deadline: 2 s, priority: low, arrival: sporadic}}
serve: {{http: "127.0.0.1:0", grpc: "127.0.0.1:0", drain: {{delay: 5 s}}}}
"""
DRAINING = """
models: {{sums: {{file: {folder}/sums.onnx}}}}
tasks: [{{name: sums, model: sums, rate: 10 Hz, deadline: 2 s, priority: low, arrival: sporadic, instances: 4}}]
serve: {{http: "127.0.0.1:0", grpc: "127.0.0.1:0", drain: {{delay: 2 s}}}}
"""


def ask(address, method, path, body=None):
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request(method, path, body=body)
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers
    finally:
        connection.close()


def started(command):
    """A server that listens, and perhaps loads its models still: its process, and its addresses."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    for line in process.stderr:
        if found := re.search(r"listening: http://([^\s,]+), grpc://([^\s;]+); loading (\d+) model", line):
            return process, found.groups()
    raise SystemExit(f"daris serve ended with {process.wait()} before it listened")


def loading(checks, daris, folder):
    start = time.monotonic()
    process, (address, grpc, count) = started([daris, "serve", folder / "loading.yaml", "--fresh"])
    try:
        checks.that(time.monotonic() - start < 5 and count == "2", f"it listens at once, and loads {count} models")
        status, body, _ = ask(address, "GET", "/v2/health/live")
        checks.that(status == 200 and json.loads(body) == {"live": True}, f"it is alive: {status} {body}")
        status, body, headers = ask(address, "GET", "/v2/health/ready")
        checks.that(
            status == 503 and re.match(r"loading [12] of 2 models|loading models", json.loads(body)["error"])
            and headers["Retry-After"] == "1", f"it is not ready: {status} {body}")
        for name in "net", "sums":
            status, body, headers = ask(address, "POST", f"/v2/models/{name}/infer", BODY)
            checks.that(status == 503 and "loading" in body and headers["Retry-After"] == "1",
                        f"an inference meanwhile: {status} {body}")
            status, body, _ = ask(address, "GET", f"/v2/models/{name}/ready")
            checks.that(status == 503 and "loading" in body, f"a model's readiness meanwhile: {status} {body}")
        status, body, _ = ask(address, "POST", "/v2/models/nothing/infer", BODY)
        checks.that(status == 404, f"a model that there will not be: {status} {body}")
        index = json.loads(ask(address, "POST", "/v2/repository/index")[1])
        checks.that([(model["name"], model["state"]) for model in index] == [("net", "LOADING"), ("sums", "LOADING")],
                    f"the index meanwhile: {index}")
        status, body, _ = ask(address, "GET", "/metrics")
        checks.that(status == 200 and "daris_ready 0\n" in body, f"metrics meanwhile: {status}")
        checks.that(ask(address, "GET", "/")[0] == 200 and ask(address, "GET", "/v2/daris/live")[0] == 503,
                    "the page is there, its events are not yet")
        client = over_grpc.InferenceServerClient(grpc)
        checks.that(client.is_server_live() and not client.is_server_ready(), "gRPC: alive, and not ready")
        client.close()
        heard = set()
        while (answer := ask(address, "GET", "/v2/health/ready"))[0] == 503:
            heard.add(json.loads(answer[1])["error"])
            time.sleep(0.05)
        checks.that(any("loading 1 of 2 models: " in text for text in heard)
                    and any("loading 2 of 2 models" in text for text in heard)
                    and not any(str(folder) in text for text in heard), f"how far it was: {heard}")
        checks.that(answer[0] == 200 and json.loads(answer[1]) == {"ready": True}, f"it is ready: {answer[:2]}")
        checks.that(ask(address, "POST", "/v2/models/sums/infer", BODY)[0] == 200, "and answers")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def ended_while_loading(checks, daris, folder):
    for number in (signal.SIGTERM, signal.SIGINT):
        for wait in (0, 0.5):
            process, (address, *_) = started([daris, "serve", folder / "loading.yaml", "--fresh"])
            time.sleep(wait)
            start = time.monotonic()
            process.send_signal(number)
            code = process.wait(timeout=60)
            elapsed = time.monotonic() - start
            rest = process.stderr.read()
            checks.that(code == 0 and elapsed < 3 and "error" not in rest,
                        f"{number.name} after {wait} s of loading: {code} after {elapsed:.1f} s, {rest[-300:]}")


def draining(checks, daris, folder):
    server = Server([daris, "serve", folder / "draining.yaml"])
    client = over_grpc.InferenceServerClient(server.grpc)
    codes = []
    server.process.send_signal(signal.SIGTERM)
    start = time.monotonic()
    time.sleep(0.2)
    while time.monotonic() - start < 1.5:
        status, body, _ = ask(server.http, "GET", "/v2/health/ready")
        codes.append((status, ask(server.http, "POST", "/v2/models/sums/infer", BODY)[0],
                      ask(server.http, "GET", "/v2/health/live")[0], client.is_server_ready(),
                      client.is_model_ready("sums")))
        time.sleep(0.05)
    checks.that(len(codes) > 3 and set(codes) == {(503, 200, 200, False, False)},
                f"not ready, but requests are answered: {set(codes)}")
    client.close()
    code = server.process.wait(timeout=60)
    elapsed = time.monotonic() - start
    checks.that(code == 0 and 1.9 < elapsed < 6, f"it ends after its delay, with {code} after {elapsed:.1f} s")
    # The option, and a second signal.
    server = Server([daris, "serve", folder / "draining.yaml", "--drain-delay", "30s"])
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    checks.that(ask(server.http, "POST", "/v2/models/sums/infer", BODY)[0] == 200, "it goes on")
    server.process.send_signal(signal.SIGTERM)
    code = server.process.wait(timeout=10)
    checks.that(code == 128 + signal.SIGTERM, f"a second signal ends it at once: {code}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    daris = parser.parse_args().daris.resolve()
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_sums(folder)
        for part, text in ("loading", LOADING), ("draining", DRAINING):
            (folder / f"{part}.yaml").write_text(text.format(folder=folder))
        loading(checks, daris, folder)
        ended_while_loading(checks, daris, folder)
        draining(checks, daris, folder)
    checks.end("A server's life")


if __name__ == "__main__":
    main()
