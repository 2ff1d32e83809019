#!/usr/bin/env python3
"""Everything at once against `daris serve`, beside high-priority requests that must be answered in time.

    python3 Tests/Clients/siege.py [--daris .build/release/daris] [--minutes 10]

What ResNet18 can do on this machine is measured first by a closed loop of `daris load`. Then high-priority requests come at
20 % of that, low-priority ones at 150 %, each with deadlines, and attackers at nice 19 in processes of their own: silent
connections, bodies that stop, bodies and answers drop by drop, random bytes, odd headers, JSON that is none, compressed bombs,
requests that crash workers, requests that are given up, and answers that nobody reads. Nobody reads the server's log either,
which is written at level debug.

Checked are that 99 % of the high-priority requests are answered in time by their clients' clocks, that the server is the
process that it was and ends with 0, and that its memory and its open files do not grow.

Times depend on the machine, so this is no part of `make test`. It needs the packages of Tests/Clients/requirements.txt and a
built daris with its ONNX Runtime.
"""

import argparse
import gzip
import json
import multiprocessing
import os
import pathlib
import random
import re
import signal
import socket
import struct
import subprocess
import tempfile
import time

from attacks import BODY, Caller, call, connect, generated, infer
from common import Checks, save, save_sums
from onnx import TensorProto, helper
from overload import load, resident, result, slope

ROOT = pathlib.Path(__file__).resolve().parents[2]

SET = """
isolation: process
partition: {{contexts: 2, streams: 1, oversubscription: 1}}
models:
  net: {{builtin: resnet18, stages: 4}}
  sums: {{file: {folder}/sums.onnx}}
  quotient: {{file: {folder}/quotient.onnx}}
tasks:
  - {{name: first, model: net, rate: 4 Hz, deadline: 500 ms, priority: high, arrival: sporadic, instances: 2}}
  - {{name: later, model: net, rate: 2 Hz, deadline: 1 s, priority: low, arrival: sporadic, late: drop, instances: 6}}
  - {{name: sums, model: sums, rate: 10 Hz, deadline: 1 s, priority: low, arrival: sporadic, late: drop, instances: 4}}
  - {{name: quotient, model: quotient, rate: 10 Hz, deadline: 1 s, priority: low, arrival: sporadic, late: drop, instances: 2}}
serve: {{http: "127.0.0.1:0", grpc: "127.0.0.1:0", limits: {{receive: 5 s, idle: 10 s, memory: 128 MiB}}}}
"""


def silence(http, grpc, random_):
    """Connections that say nothing, some hundred at a time."""
    held = []
    while True:
        held.append(connect(random_.choice([http, grpc])))
        if len(held) > 1_500:
            held.pop(random_.randrange(len(held))).close()
        time.sleep(0.01)


def halves(http, grpc, random_):
    """Bodies that stop before their end."""
    held = []
    while True:
        client = connect(http)
        client.settimeout(1)
        client.sendall(b"POST /v2/models/later/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000000\r\n\r\n")
        for _ in range(random_.randrange(6)):
            client.sendall(bytes(1 << 20))
        held.append(client)
        if len(held) > 100:
            held.pop(0).close()
        time.sleep(0.1)


def drops(http, grpc, random_):
    """A body byte by byte."""
    client = connect(http)
    client.sendall(b"POST /v2/models/sums/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(BODY))
    for byte in BODY:
        client.send(bytes([byte]))
        time.sleep(0.05)


def noise(http, grpc, random_):
    """Bytes without sense."""
    client = connect(random_.choice([http, grpc]))
    starts = [b"", b"GET / HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"POST /v2/models/sums/infer HTTP/1.1\r\n"]
    client.sendall(random_.choice(starts) + random_.randbytes(random_.randrange(2_000)))
    time.sleep(0.02)
    client.close()


def headers(http, grpc, random_):
    """Calls with odd headers."""
    caller = Caller(grpc)
    for _ in range(50):
        if caller.call(generated(random_, caller)) in (None, "closed"):
            break
        time.sleep(0.01)
    caller.close()


def nonsense(http, grpc, random_):
    """Requests that are none, and small ones that would grow."""
    infer(http, random_.choice([b"{", BODY[:-5], b"[" * 10_000, BODY.replace(b"FP32", b"INT64")]))
    time.sleep(0.05)
    if random_.random() < 0.05:
        bomb = gzip.compress(bytes(80 << 20), 9)
        infer(http, bomb, headers={"Content-Encoding": "gzip"})
        outputs = BODY[:-1] + b',"outputs":[' + b",".join([b'{"name":"sum"}'] * 100_000) + b"]}"
        infer(http, gzip.compress(outputs), headers={"Content-Encoding": "gzip"})
        time.sleep(0.5)


def crashes(http, grpc, random_):
    """Requests that end the process that runs them."""
    body = json.dumps({"inputs": [
        {"name": "a", "datatype": "INT64", "shape": [1], "data": [-2 ** 63]},
        {"name": "b", "datatype": "INT64", "shape": [1], "data": [1]}]}).encode()
    infer(http, body, "quotient")
    time.sleep(0.5)


def desertion(http, grpc, random_):
    """Requests whose clients go away."""
    client = connect(http)
    client.sendall(b"POST /v2/models/sums/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    time.sleep(0.02)


def deafness(http, grpc, random_):
    """Answers that are not read."""
    held = []
    while True:
        client = connect(http)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        path = random_.choice([b"/metrics", b"/v2/daris/live", b"/"])
        client.sendall((b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path) * 20)
        held.append(client)
        if len(held) > 50:
            held.pop(0).close()
        time.sleep(0.2)


ATTACKS = [silence, halves, drops, noise, headers, nonsense, crashes, desertion, deafness]


def attack(one, http, grpc, seed):
    os.nice(19)
    random_ = random.Random(seed)
    while True:
        try:
            one(http, grpc, random_)
        except OSError:
            time.sleep(0.05)


class Unread:
    """A server whose standard error is read until it is ready, and then no more."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, bufsize=1)
        for line in self.process.stderr:
            if found := re.search(r"ready: http://([^\s,]+), grpc://(\S+)", line):
                self.http, self.grpc = found.groups()
                return
        raise SystemExit(f"daris serve ended with {self.process.wait()} before it was ready")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    parser.add_argument("--minutes", default=10, type=float)
    arguments = parser.parse_args()
    daris = arguments.daris.resolve()
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_sums(folder)
        # a / (b - 2): for b of 0 and 1, which models are measured with, that is no division by 0.
        save(folder, "quotient",
             [helper.make_node("Sub", ["b", "two"], ["d"]), helper.make_node("Div", ["a", "d"], ["c"])],
             [("a", TensorProto.INT64, [1]), ("b", TensorProto.INT64, [1])], [("c", TensorProto.INT64, [1])],
             [helper.make_tensor("two", TensorProto.INT64, [1], [2])])
        (folder / "siege.yaml").write_text(SET.format(folder=folder))
        server = Unread([daris, "serve", folder / "siege.yaml", "--log-level", "debug"])
        pid = server.process.pid
        closed = result(load(daris, server.http, "--model", "later", "--concurrency", "4", "--duration", "10s"))
        capacity = closed["answers_per_second"]
        print(f"closed loop: {capacity:.1f} answers a second", flush=True)
        seconds = arguments.minutes * 60
        clients = [
            load(daris, server.http, "--model", model, "--rate", f"{capacity * share:.3f}", "--poisson", "--deadline",
                 deadline, "--duration", f"{seconds}s", "--seed", seed)
            for model, share, deadline, seed in (("first", 0.2, "500ms", "1"), ("later", 1.5, "1s", "2"))
        ]
        attackers = [
            multiprocessing.Process(target=attack, args=(one, server.http, server.grpc, number), daemon=True)
            for number, one in enumerate(ATTACKS)
        ]
        for attacker in attackers:
            attacker.start()
        memory, files, answered = [], [], 0
        start = time.monotonic()
        while any(client.poll() is None for client in clients) and server.process.poll() is None:
            time.sleep(1)
            now = time.monotonic() - start
            memory.append((now, resident(pid)))
            files.append((now, len(os.listdir(f"/proc/{pid}/fd"))))
            answered += call(server.http, timeout=5)[0] == 200
        for attacker in attackers:
            attacker.kill()
        high, low = (result(client) for client in clients)
        _, _, page = call(server.http, path="/metrics")
        server.process.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        try:
            code = server.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            code = "nothing, within 60 s"
        elapsed = time.monotonic() - begin
        server.process.kill()
    for label, figures in (("HP", high), ("LP", low)):
        print(
            f"{label}: {figures['sent']} sent, {figures['in_time']} in time, {figures['late']} late, "
            f"{figures['too_late']} given up, {figures['refused']} refused, {figures['failed']} failed; answers "
            f"{figures['response_ms']['p50']:.1f} ms at the median, {figures['response_ms']['p99']:.1f} at the 99th percentile")
    for line in page.decode().splitlines():
        if re.match(r"daris_(requests_total.*quotient|context_losses|log_lines|connections)", line):
            print(line)
    # The first fifth fills what is kept for later.
    steady = memory[len(memory) // 5:], files[len(files) // 5:]
    for label, unit, samples in (("memory", "MiB", steady[0]), ("open files", "files", steady[1])):
        print(f"{label}: {samples[0][1]:.0f} to {samples[-1][1]:.0f} {unit}, {slope(samples):+.2f} a minute")
    print(f"health: answered {answered} of {len(memory)} times")
    checks.that(high["in_time"] >= 0.99 * high["sent"], "99 % of the HP requests are answered in time")
    checks.that(high["failed"] <= 0.01 * high["sent"], f"HP requests that failed: {high['failed']}")
    checks.that(answered >= 0.99 * len(memory), "health is answered")
    checks.that(slope(steady[0]) < 2, "memory does not grow")
    checks.that(slope(steady[1]) < 20, "open files do not grow")
    checks.that(code == 0 and elapsed < 35, f"daris serve ends with 0, after {elapsed:.1f} s: {code}")
    checks.end("Siege")


if __name__ == "__main__":
    main()
