#!/usr/bin/env python3
"""Treats `daris serve`, `run` and `load` as careless operators do, and as hostile clients and servers do to operators.

    python3 Tests/Clients/operator-clients.py [--daris .build/release/daris]

Checked are a standard error and a standard output that nobody reads, SIGHUP, records to devices, pipes and links, logs that
clients write to, answers that must not tell of the server's files, figures of an overload, which must all agree, servers with
impossible models for `daris load`, and what that counts of requests that it sends late or not at all.

It needs the package onnx, and a built daris with its ONNX Runtime. Without the package it says so and succeeds.
"""

import argparse
import concurrent.futures
import contextlib
import fcntl
import http.client
import http.server
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

from common import Checks, Server, need, save, save_sums

need("onnx")

ROOT = pathlib.Path(__file__).resolve().parents[2]
ZEROS = [[0.0] * 16] * 4
BODY = json.dumps(
    {"inputs": [{"name": name, "datatype": "FP32", "shape": [4, 16], "data": ZEROS} for name in "ab"]})

SERVE = """
models:
  sums: {{file: {folder}/sums.onnx}}
  pick: {{file: {folder}/pick.onnx, stages: 1}}
tasks:
  - {{name: sums, model: sums, rate: 100 Hz, deadline: 2 s, priority: low, arrival: sporadic, instances: 4}}
  - {{name: pick, model: pick, rate: 10 Hz, deadline: 2 s, priority: low, arrival: sporadic}}
serve: {{http: "127.0.0.1:0", grpc: off, limits: {{drain: 5 s}}}}
run: {{seed: 1}}
"""
BUSY = """
models: {{sums: {{file: {folder}/sums.onnx}}}}
tasks:
  - {{name: first, model: sums, rate: 10 Hz, deadline: 2 s, priority: high, arrival: sporadic}}
  - {{name: later, model: sums, rate: 10 Hz, deadline: 2 s, priority: low, arrival: sporadic, instances: 3}}
serve: {{http: "127.0.0.1:0", grpc: off, limits: {{waiting: 2}}}}
run: {{seed: 1}}
"""
RUN = """
models: {{sums: {{file: {folder}/sums.onnx}}}}
tasks: [{{name: sums, model: sums, rate: 50 Hz, priority: high}}]
run: {{seed: 1, duration: 500 ms}}
"""


def save_pick(folder):
    """A model that fails on the device for an index that there is not."""
    from onnx import TensorProto, helper, numpy_helper
    import numpy

    save(folder, "pick", [helper.make_node("Gather", ["table", "index"], ["value"], name="/secret/place/Gather")],
         [("index", TensorProto.INT64, [1])], [("value", TensorProto.FLOAT, [1])],
         [numpy_helper.from_array(numpy.zeros(4, numpy.float32), "table")])


def ask(address, method, path, body=None, headers={}):
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def metric(address, name):
    return [float(line.rsplit(" ", 1)[1]) for line in ask(address, "GET", "/metrics")[1].splitlines()
            if line.startswith(name + " ")]


def raw(address, data):
    """Sends bytes as they are, and reads until the server closes or a moment has passed."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(data)
        with contextlib.suppress(socket.timeout, ConnectionError):
            return client.recv(65536)


def ends(process, limit):
    """The exit code, or None for a process that had to be killed."""
    try:
        return process.wait(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def fill_log(process):
    """Reads a server's standard error until it is ready, and fills it after that: its address, and calls answered."""
    line = b""
    while b"ready: " not in line:
        line = process.stderr.readline()
        assert line, "daris serve ended before it was ready"
    address = re.search(rb"http://([^\s,]+)", line)[1].decode()
    answered = 0
    with contextlib.suppress(OSError, http.client.HTTPException):
        # Beyond the pipe and all that is put aside.
        for number in range(400):
            answered += ask(address, "GET", f"/v2/{'x' * 4000}{number}")[0] == 404
        answered += ask(address, "POST", "/v2/models/sums/infer", BODY)[0] == 200
    return address, answered


def crashing_worker(checks, daris, folder):
    """A crash ends a worker at once, though its last words find no room."""
    process = subprocess.Popen([daris, "serve", folder / "workers.yaml", "--log-level", "trace"],
                               stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        address, _ = fill_log(process)
        threads = pathlib.Path(f"/proc/{process.pid}/task").iterdir()
        workers = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
        os.kill(workers[0], signal.SIGSEGV)
        end = time.monotonic() + 30
        status = None
        while status != 200 and time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, _ = ask(address, "POST", "/v2/models/sums/infer", BODY)
            time.sleep(0.05)
        checks.that(status == 200, f"a worker that crashed with a full standard error is replaced: {status}")
        process.send_signal(signal.SIGTERM)
        checks.that(ends(process, 30) == 0, "and the server ends with 0")
    finally:
        process.kill()
        process.wait()


def unread_errors(checks, daris, folder):
    for format in "text", "json":
        process = subprocess.Popen(
            [daris, "serve", folder / "serve.yaml", "--log-level", "trace", "--log-format", format],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        try:
            address, answered = fill_log(process)
            checks.that(answered == 401, f"{format}: {answered} of 401 calls answered while nobody reads the log")
            if answered == 401:
                dropped = metric(address, "daris_log_lines_dropped_total")
                checks.that(dropped and dropped[0] > 0, f"{format}: {dropped} lines counted as dropped")
                # Reading again: what was put aside, then how much was lost.
                rest = b""
                fcntl.fcntl(process.stderr, fcntl.F_SETFL, os.O_NONBLOCK)
                end = time.monotonic() + 30
                while b"lost here" not in rest and time.monotonic() < end:
                    with contextlib.suppress(BlockingIOError, TypeError):
                        rest += os.read(process.stderr.fileno(), 1 << 20)
                    ask(address, "GET", "/v2")
                checks.that(b"lost here" in rest, f"{format}: it is said how many lines were lost")
                if format == "json":
                    lines = [json.loads(line) for line in rest.splitlines()[1:-1] if b"lost here" in line]
                    checks.that(lines and int(lines[0]["lost"]) > 0, f"a JSON line says how many were lost: {lines}")
                for number in range(400):
                    ask(address, "GET", f"/v2/{'x' * 4000}{number}")
            process.send_signal(signal.SIGTERM)
            code = ends(process, 30)
            checks.that(code == 0, f"{format}: SIGTERM with a full standard error ends the server with 0: {code}")
        finally:
            process.kill()
            process.wait()


def unread_output(checks, daris, folder):
    """Standard output is a pipe that is full from the start."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    fcntl.fcntl(writer, fcntl.F_SETFL, 0)
    # It has a plan to show at the start, does without, and is ready all the same.
    server = Server([daris, "serve", folder / "serve.yaml"], stdout=writer)
    try:
        server.process.send_signal(signal.SIGTERM)
        code = ends(server.process, 30)
        server.reader.join(timeout=10)
        log = "".join(server.rest)
        checks.that(code == 1 and "cannot write to standard output: not all of it was read" in log,
                    f"a standard output that nobody reads: {code}, {log[-300:]}")
    finally:
        server.process.kill()
        server.process.wait()
        os.close(reader)
        os.close(writer)


def serving(checks, daris, folder):
    server = Server([daris, "serve", folder / "serve.yaml", "--log-level", "debug", "--record", "/dev/full"])
    try:
        server.process.send_signal(signal.SIGHUP)

        # Clients write to the log: in paths, in methods, in names.
        for path in "/v2/models/a%0d%0aFAKE%1b%5b2J/infer", "/a%c2%9b%7f%e2%80%a8FAKE", "/v2/models/a%0aFAKE":
            ask(server.http, "GET", path)
            ask(server.http, "POST", path, BODY)
        raw(server.http, b"GET /a\x1b[2J\x9bFAKE HTTP/1.1\r\nHost: x\r\n\r\n")
        ask(server.http, "POST", "/v2/models/sums/infer", BODY.replace('"a"', '"\\u001b[2J\\nFAKE\\u009b"'))

        # The model's failure: the client hears of it, the log of the reason.
        body = json.dumps({"inputs": [{"name": "index", "datatype": "INT64", "shape": [1], "data": [99]}]})
        status, answer = ask(server.http, "POST", "/v2/models/pick/infer", body, {"X-Request-Id": "find-me"})
        message = json.loads(answer)["error"]
        checks.that(status == 500 and "pick" in message and "find-me" in message, f"a failing model: {status} {message}")
        checks.that("/" not in message, f"an answer tells of the server's files: {message}")

        checks.that(server.process.poll() is None, "SIGHUP leaves the server alone")
        end = time.monotonic() + 20
        while not any("/dev/full is incomplete" in line for line in list(server.rest)) and time.monotonic() < end:
            time.sleep(0.05)
        checks.that(any("/dev/full is incomplete" in line for line in list(server.rest)), "a full disk is told at once")
        checks.that(ask(server.http, "POST", "/v2/models/sums/infer", BODY)[0] == 200, "and the server goes on")
    finally:
        code, _, log = server.end()
    checks.that(code == 1 and "No space left on device" in log.splitlines()[-1], f"a full disk: {code} {log[-300:]!r}")
    device = os.stat("/dev/full")
    checks.that(device.st_rdev != 0, "/dev/full is a device still")
    strange = [line for line in log.splitlines() if re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028]", line)]
    checks.that(not strange, f"control characters in the log: {strange[:3]!r}")
    checks.that(not any(line.startswith("FAKE") for line in log.splitlines()), "clients write lines of the log")
    checks.that(any("find-me" in line and "/secret/place/Gather" in line for line in log.splitlines()),
                "the log has the reason of a failure")


def overload(checks, daris, folder):
    """What clients are refused is what metrics and the report say, and a model with instances is one task everywhere."""
    record = folder / "busy.jsonl"
    server = Server([daris, "serve", folder / "busy.yaml", "--json", "--record", record])

    def burst(number):
        model = "first" if number % 4 == 0 else "later"
        return [ask(server.http, "POST", f"/v2/models/{model}/infer", BODY)[0] for _ in range(25)]

    def total(name, label=""):
        return sum(float(line.rsplit(" ", 1)[1]) for line in ask(server.http, "GET", "/metrics")[1].splitlines()
                   if line.startswith(name + "{") and label in line)

    try:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            statuses = [status for client in pool.map(burst, range(16)) for status in client]
        statuses.append(ask(server.http, "POST", "/v2/models/first/infer", "{")[0])
        ask(server.http, "POST", "/v2/repository/models/later/unload")
        statuses.append(ask(server.http, "POST", "/v2/models/later/infer", BODY)[0])
        refused = statuses.count(503)
        checks.that(set(statuses) <= {200, 400, 503, 504} and statuses.count(400) == 1 and refused > 0,
                    f"an overload: { {status: statuses.count(status) for status in set(statuses)} }")
        # Looks are a tenth of a second old at most.
        time.sleep(0.2)
        counted = total("daris_requests_total", 'fate="refused"')
        before, rejected = total("daris_requests_refused_total"), total("daris_jobs_total", 'fate="rejected"')
        checks.that(counted == before + rejected == refused, f"{refused} refused: {counted} = {before} + {rejected}")
        tasks = {line.split('task="')[1].split('"')[0] for line in ask(server.http, "GET", "/metrics")[1].splitlines()
                 if 'task="' in line}
        checks.that(tasks == {"first", "later"}, f"tasks in metrics: {tasks}")
    finally:
        code, _, _ = server.end()
    server.log.seek(0)
    report = json.load(server.log)
    with record.open() as lines:
        header = json.loads(lines.readline())
    named = [[(task["name"], task.get("instances")) for task in tasks] for tasks in (
        header["plan"]["tasks"], header["configuration"]["tasks"], report["tasks"])]
    checks.that(named[0] == [("first", None), ("later", 3)] and named[1] == [("first", 1), ("later", 3)]
                and [name for name, _ in named[2]] == ["first", "later"], f"a model is one task: {named}")
    groups = [report["hp"], report["lp"]]
    checks.that(code == 0 and sum(group["refused"] + group["rejected"] for group in groups) == refused,
                f"{refused} refused, the report says {[(group['refused'], group['rejected']) for group in groups]}")
    low = report["lp"]
    checks.that(abs(low["acceptance"] - low["accepted"] / (low["released"] + low["refused"])) < 1e-9,
                f"acceptance counts those refused: {low['acceptance']}")


def recording(checks, daris, folder):
    def run(name, limit=60):
        return subprocess.run([daris, "run", folder / "run.yaml", "--json", "--record", name],
                              capture_output=True, text=True, timeout=limit)

    whole = folder / "whole.jsonl"
    checks.that(run(whole).returncode == 0 and whole.read_text().count('{"end":') == 1, "a record in a new file")

    link = folder / "link.jsonl"
    link.symlink_to("target.jsonl")
    for text in None, "before":
        if text:
            (folder / "target.jsonl").write_text(text)
        done = run(link)
        checks.that(done.returncode == 0 and link.is_symlink() and '{"end":' in (folder / "target.jsonl").read_text(),
                    f"a record by a link: {done.stderr}")

    pipe = folder / "pipe"
    os.mkfifo(pipe)
    start = time.monotonic()
    done = run(pipe)
    checks.that(done.returncode == 1 and "a pipe needs its reader first" in done.stderr,
                f"a pipe without a reader: {done.returncode} {done.stderr}")
    text = []
    reader = threading.Thread(target=lambda: text.append(pipe.read_text()), daemon=True)
    reader.start()
    done = run(pipe)
    reader.join(timeout=20)
    checks.that(done.returncode == 0 and text and text[0].count('{"end":') == 1, f"a record by a pipe: {done.stderr}")
    checks.that(pipe.is_fifo(), "a pipe is a pipe still")

    # A reader that takes nothing keeps nothing from its end.
    descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(descriptor, 1031, 4096)  # F_SETPIPE_SZ
    done = run(pipe)
    os.close(descriptor)
    checks.that(done.returncode == 1 and "has taken nothing for" in done.stderr, f"a pipe not read: {done.stderr}")
    checks.that(not list(folder.glob("*.part-*")), "nothing is left behind")


def hang_up(checks, daris, folder):
    process = subprocess.Popen([daris, "run", folder / "run.yaml", "--duration", "60s", "--json"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        # Until it handles the signal, as it does while jobs run.
        while process.poll() is None:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            if int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16) & 1 << signal.SIGTERM - 1:
                break
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGHUP)
        output, _ = process.communicate(timeout=30)
        checks.that(process.returncode == 0 and json.loads(output)["interrupted"], "SIGHUP ends a run with its report")
    finally:
        process.kill()
        process.wait()


class Impostor(http.server.BaseHTTPRequestHandler):
    shape = "[1]"

    def do_GET(self):
        body = ('{"name":"m","inputs":[{"name":"a\\u001b[2J","datatype":"FP32","shape":%s}],"outputs":[]}' % self.shape)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def impostors(checks, daris):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Impostor)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        for shape in ["[-9223372036854775808]", "[9223372036854775807,9223372036854775807]", "[4611686018427387904,2]",
                      "[-2]", "[1099511627776]", "[65536,65536]", "[1e300]", "[99999999999999999999]", "\"big\"",
                      str([2] * 70), "[1.5]", "null"]:
            Impostor.shape = shape
            done = subprocess.run(
                [daris, "load", f"http://127.0.0.1:{server.server_address[1]}", "--model", "m", "--duration", "1s"],
                capture_output=True, text=True, timeout=60)
            checks.that(done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
                        and "\x1b" not in done.stderr, f"the shape {shape[:40]}: {done.returncode} {done.stderr[:300]!r}")
    finally:
        server.shutdown()
        server.server_close()


class Freezer(Impostor):
    """A server that answers at once, but holds the first request for a second; with `client`, that is stopped meanwhile."""
    client = None
    held = threading.Lock()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.held.acquire(blocking=False):
            if self.client:
                os.kill(self.client.result(timeout=60), signal.SIGSTOP)
            time.sleep(1)
            if self.client:
                os.kill(self.client.result(), signal.SIGCONT)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


def due_times(checks, daris):
    """Response times count from when a request was due, and what could not be sent is missed."""
    def load(*options, stops):
        client = concurrent.futures.Future()
        handler = type("Handler", (Freezer,), {
            "shape": "[1]", "client": client if stops else None, "held": threading.Lock()})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            process = subprocess.Popen(
                [daris, "load", f"http://127.0.0.1:{server.server_address[1]}", "--model", "m", "--duration", "2s",
                 "--deadline", "100ms", "--json", *options], stdout=subprocess.PIPE, text=True)
            client.set_result(process.pid)
            output, _ = process.communicate(timeout=60)
            return process.returncode, json.loads(output)
        finally:
            server.shutdown()
            server.server_close()

    code, figures = load("--rate", "20Hz", stops=True)
    checks.that(code == 0 and figures["sent"] == figures["answered"] == 40, f"a client that was stopped: {figures}")
    # Some twenty were due while it was stopped; all but the last two of these are late, the first by most.
    checks.that(figures["late"] >= 15 and figures["response_ms"]["p95"] >= 800,
                f"a stopped client's requests are late: {figures}")
    checks.that(figures.get("sending_delay_ms", {}).get("max", 0) >= 800, f"how late it sent is said: {figures}")
    code, figures = load("--rate", "100Hz", "--concurrency", "1", stops=False)
    missed = figures["late"] + figures["too_late"] + figures["unsent"]
    checks.that(code == 0 and figures["unsent"] >= 80 and figures["sent"] + figures["unsent"] == 200
                and abs(figures["dmr"] - missed / (missed + figures["in_time"])) < 1e-9,
                f"requests that could not be sent are missed: {figures}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--daris", default=ROOT / ".build/release/daris")
    daris = pathlib.Path(parser.parse_args().daris).resolve()
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        save_sums(folder)
        save_pick(folder)
        (folder / "serve.yaml").write_text(SERVE.format(folder=folder))
        (folder / "workers.yaml").write_text("isolation: process\n" + SERVE.format(folder=folder))
        (folder / "busy.yaml").write_text(BUSY.format(folder=folder))
        (folder / "run.yaml").write_text(RUN.format(folder=folder))
        impostors(checks, daris)
        due_times(checks, daris)
        recording(checks, daris, folder)
        hang_up(checks, daris, folder)
        serving(checks, daris, folder)
        overload(checks, daris, folder)
        unread_errors(checks, daris, folder)
        crashing_worker(checks, daris, folder)
        unread_output(checks, daris, folder)
    checks.end("operators")


main()
