#!/usr/bin/env python3
"""Behaves towards `daris serve` as clients should not, and ends it under load.

    python3 Tests/Clients/hard-clients.py [--daris .build/release/daris]

Checked are clients that send slowly, stop half-way, close their side, send too much or nonsense, or go away; that the server
answers everybody else meanwhile and forgets none of them; that SIGTERM under load answers every request that was taken and
ends with 0; and that after kill -9 it is ready again within seconds.

It needs the package onnx, and a built daris with its ONNX Runtime. Without the package it says so and succeeds.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import Checks, Server, need, save_sums

need("onnx")

ROOT = pathlib.Path(__file__).resolve().parents[2]
ZEROS = [[0.0] * 16] * 4
BODY = json.dumps(
    {"inputs": [{"name": name, "datatype": "FP32", "shape": [4, 16], "data": ZEROS} for name in "ab"]}).encode()
HEAD = b"POST /v2/models/sums/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"

SET = """
models: {{sums: {{file: {folder}/sums.onnx}}}}
tasks: [{{name: sums, model: sums, rate: 100 Hz, deadline: 2 s, priority: low, arrival: sporadic, instances: 4}}]
serve:
  http: 127.0.0.1:0
  grpc: off
  limits: {{body: 64 KiB, connections: 40, receive: 1 s, idle: 2 s, drain: 5 s}}
run: {{seed: 1}}
"""


def connect(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=20)


def read_all(client):
    """What comes until the server closes; None if it does not within the time-out."""
    data = b""
    try:
        while True:
            part = client.recv(65536)
            if not part:
                return data
            data += part
    except socket.timeout:
        return None
    except ConnectionError:
        return data


def post(address, body=BODY, timeout=20, headers={}):
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        connection.request("POST", "/v2/models/sums/infer", body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def control(address, action):
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.request("POST", f"/v2/repository/models/sums/{action}")
    connection.getresponse().read()
    connection.close()


def invalid(address):
    """How many requests have been invalid."""
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return sum(int(line.rsplit(" ", 1)[1]) for line in lines
               if line.startswith("daris_requests_total") and 'fate="invalid"' in line)


def drip(address, at_once, slowly):
    """Sends the first bytes at once and the others one by one; the seconds until the server would have no more."""
    client = connect(address)
    client.sendall(at_once)
    start = time.monotonic()
    try:
        for byte in slowly:
            client.send(bytes([byte]))
            time.sleep(0.02)
            if time.monotonic() - start > 10:
                break
    except ConnectionError:
        pass
    client.close()
    return time.monotonic() - start


def misbehaving(checks, address):
    checks.that(drip(address, b"", HEAD % 10 * 100) < 5, "slow headers are cut off")
    checks.that(drip(address, HEAD % len(BODY), BODY) < 5, "a slow body is cut off")

    # Half a request, then nothing.
    client = connect(address)
    client.sendall(HEAD % len(BODY) + BODY[:10])
    client.settimeout(5)
    checks.that(read_all(client) is not None, "half a request is cut off")
    client.close()

    # Nothing at all.
    client = connect(address)
    client.settimeout(5)
    checks.that(read_all(client) is not None, "silence is cut off")
    client.close()

    # Half a request, then the client's side closed.
    client = connect(address)
    client.sendall(HEAD % len(BODY) + BODY[:10])
    client.shutdown(socket.SHUT_WR)
    client.settimeout(5)
    checks.that(read_all(client) is not None, "a request that its client ends half-way ends")
    client.close()

    # A whole request, then the client's side closed: whoever waits for an answer must not do that, but nothing hangs.
    client = connect(address)
    client.sendall(HEAD % len(BODY) + BODY)
    client.shutdown(socket.SHUT_WR)
    client.settimeout(5)
    checks.that(read_all(client) is not None, "a half-closed connection ends")
    client.close()

    # A request that is refused hears of it before its tensors have come; its connection lives on.
    control(address, "unload")
    head = json.dumps({"inputs": [{"name": name, "datatype": "FP32", "shape": [4, 16],
                                   "parameters": {"binary_data_size": 256}} for name in "ab"]}).encode()
    client = connect(address)
    client.settimeout(5)
    client.sendall(
        b"POST /v2/models/sums/infer HTTP/1.1\r\nHost: localhost\r\nInference-Header-Content-Length: %d\r\n"
        b"Content-Length: %d\r\n\r\n" % (len(head), len(head) + 512) + head)
    answer = http.client.HTTPResponse(client)
    answer.begin()
    checks.that(answer.status == 503 and b"not loaded" in answer.read(), f"refused before its tensors: {answer.status}")
    status, answer = post(address, head + bytes(512), headers={
        "Inference-Header-Content-Length": str(len(head)), "Connection": "close"})
    checks.that(status == 503 and b"not loaded" in answer, f"refused on a connection that ends with it: {status}")
    control(address, "load")
    client.sendall(bytes(512) + HEAD % len(BODY) + BODY)
    answer = http.client.HTTPResponse(client)
    answer.begin()
    checks.that(answer.status == 200, f"the next request on that connection: {answer.status}")
    client.close()

    # Too large, said and unsaid.
    status, answer = post(address, b"x" * (65 << 10))
    checks.that(status == 400 and b"larger than 65536 bytes" in answer, f"a large body: {status} {answer[:80]!r}")
    client = connect(address)
    client.sendall(b"POST /v2/models/sums/infer HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    try:
        for _ in range(200):
            client.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
    except ConnectionError:
        pass
    client.settimeout(5)
    answer = read_all(client)
    checks.that(answer is not None, "an endless body is cut off")
    client.close()

    # Headers without end.
    client = connect(address)
    try:
        client.sendall(b"GET /v2 HTTP/1.1\r\n")
        for number in range(5_000):
            client.sendall(b"X-%d: %s\r\n" % (number, b"y" * 100))
    except ConnectionError:
        pass
    client.settimeout(5)
    checks.that(read_all(client) is not None, "headers without end are cut off")
    client.close()

    # What cannot be read counts as invalid.
    before = invalid(address)
    for body, words in ((b"{", b"JSON"), (BODY.replace(b"FP32", b"INT8").replace(b"0.0", b"0.5", 1), b"no INT8")):
        status, answer = post(address, body)
        checks.that(status == 400 and words in answer, f"{body[:20]!r}: {status} {answer!r}")
    checks.that(invalid(address) == before + 2, f"both are counted: {before}, then {invalid(address)}")

    # Nonsense.
    for nonsense in (b"\x16\x03\x01\x02\x00\x01", b"hello\r\n\r\n", b"\x00" * 1000, b"GET / HTTP/9.9\r\n\r\n"):
        client = connect(address)
        client.sendall(nonsense)
        client.settimeout(5)
        checks.that(read_all(client) is not None, f"{nonsense[:8]!r} is answered or cut off")
        client.close()

    # Many that ask and go away.
    for _ in range(100):
        client = connect(address)
        client.sendall(HEAD % len(BODY) + BODY)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.close()

    # More connections than allowed: the others wait, and are served once some end.
    clients = [connect(address) for _ in range(60)]
    for client in clients:
        client.close()
    status, _ = post(address)
    checks.that(status == 200, f"after all that a request is answered: {status}")


def ending(checks, server):
    """SIGTERM under load: whatever was taken is answered."""
    counts = {"sent": 0, "answered": 0, "refused": 0, "closed": 0}
    lock = threading.Lock()
    stop = threading.Event()

    def client():
        host, port = server.http.rsplit(":", 1)
        while not stop.is_set():
            connection = http.client.HTTPConnection(host, int(port), timeout=20)
            try:
                connection.connect()
            except OSError:
                return
            try:
                while not stop.is_set():
                    connection.request("POST", "/v2/models/sums/infer", body=BODY)
                    status = connection.getresponse()
                    status.read()
                    with lock:
                        counts["answered" if status.status == 200 else "refused"] += 1
            except (ConnectionError, http.client.HTTPException):
                # Closed before it was read: the server had not taken it.
                with lock:
                    counts["closed"] += 1
            finally:
                connection.close()

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    code, elapsed, rest = server.end()
    stop.set()
    for thread in threads:
        thread.join()
    checks.that(code == 0, f"after SIGTERM daris serve ended with {code}: {rest[-500:]}")
    checks.that(elapsed < 7, f"it ended after {elapsed:.1f} s, within the drain limit and a little")
    checks.that(counts["answered"] > 0, f"requests were answered before: {counts}")


def page_seconds(page):
    """How long jobs were released, as a report's page says."""
    number, unit = re.search(r"<dt>Releases</dt><dd>for ([0-9.]+) (ms|s)", page).groups()
    return float(number) * (1e-3 if unit == "ms" else 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    arguments = parser.parse_args()
    if not arguments.daris.exists():
        raise SystemExit(f"{arguments.daris} is not there; build it with 'swift build'")
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_sums(folder)
        (folder / "set.yaml").write_text(SET.format(folder=folder))
        command = [arguments.daris.resolve(), "serve", folder / "set.yaml"]
        server = Server(command)
        try:
            misbehaving(checks, server.http)
        finally:
            server.process.kill()
            server.process.wait()
        start = time.monotonic()
        server = Server([*command, "--record", folder / "run.jsonl"])
        elapsed = time.monotonic() - start
        checks.that(elapsed < 5, f"after kill -9 it is ready within 5 s: {elapsed:.1f} s")
        trace = "0af7651916cd43dd8448eb211c80319c"
        post(server.http, headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
        ending(checks, server)
        recorded = [line for line in (folder / "run.jsonl").read_text().splitlines() if trace in line]
        checks.that(len(recorded) == 1 and '"n":"trace"' in recorded[0], f"a client's trace is in the record: {recorded}")
        page = subprocess.run([arguments.daris.resolve(), "report", folder / "run.jsonl", "-o", folder / "run.html"])
        checks.that(page.returncode == 0, "the record makes a report")
        server.log.seek(0)
        shown = [line for line in server.log.read().splitlines() if line.startswith("Releases ")]
        checks.that(len(shown) == 2 and "until it is ended, seed" in shown[0] and "until" not in shown[1],
                    f"the plan has no duration, the figures have: {shown}")
        record = (folder / "run.jsonl").read_text().splitlines()
        end = json.loads(record[-1])["end"] / 1e9
        text = (folder / "run.html").read_text()
        checks.that("duration_s" not in json.loads(record[0])["plan"], "nor has the plan in the record")
        checks.that("<h1>Run of " in text, "the page does not call it interrupted")
        checks.that(abs(page_seconds(text) - end) < 0.1, f"the page has the time that it ran, {end:.3f} s")
    checks.end("Hard clients")


if __name__ == "__main__":
    main()
