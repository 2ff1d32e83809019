#!/usr/bin/env python3
"""Overloads `daris serve` with twice the requests that it can answer, a fifth of them of high priority.

    python3 Tests/Clients/overload.py [--daris .build/release/daris] [--minutes 10] [--express 0] [--low binary|json|gzip]

What ResNet18 can do on this machine is measured first by a closed loop of `daris load`. Then clients send at random times,
each with deadlines: high priority 20 % of twice that rate, half of it over HTTP and half over gRPC, low priority 80 %, a tenth
of it over gRPC. High priority sends its images as bytes. Low priority sends them as bytes, as JSON of 1.5 MB (over gRPC as a list of numbers), or
as that JSON compressed by gzip. Checked are that high-priority requests are answered in time (99 %), that low-priority ones
are answered in time or refused, how long a refusal takes, that every request has an answer, that the misses that clients see
are those that the server counts, and that its memory does not grow.

Times depend on the machine, so this is no part of `make test`. It needs a built daris with its ONNX Runtime, and the packages
of Tests/Clients/requirements.txt.
"""

import argparse
import collections
import gzip
import json
import multiprocessing
import os
import pathlib
import queue
import random
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

import grpc
import numpy
from tritonclient.grpc import service_pb2

from common import Checks, Server

ROOT = pathlib.Path(__file__).resolve().parents[2]

SET = """
partition: {contexts: 2, streams: 1, oversubscription: 1EXPRESS}
models: {net: {builtin: resnet18, stages: 4}}
tasks:
  - {name: first, model: net, rate: 6 Hz, deadline: 500 ms, priority: high, arrival: sporadic, instances: 2}
  - {name: later, model: net, rate: 2 Hz, deadline: 1 s, priority: low, arrival: sporadic, late: drop, instances: 6}
serve: {http: "127.0.0.1:0", grpc: "127.0.0.1:0"}
"""
SHAPE = [1, 3, 224, 224]
IMAGE = numpy.random.default_rng(1).random(SHAPE, dtype=numpy.float32)


def http_request(model, form):
    """A whole request over HTTP, as it is sent."""
    tensor = {"name": "input", "shape": SHAPE, "datatype": "FP32"}
    headers = {"Host": "localhost", "Content-Type": "application/json"}
    if form == "binary":
        raw = IMAGE.tobytes()
        head = json.dumps({"inputs": [dict(tensor, parameters={"binary_data_size": len(raw)})],
                           "parameters": {"binary_data_output": True}}).encode()
        headers["Inference-Header-Content-Length"] = str(len(head))
        body = head + raw
    else:
        # As Python's libraries write it: float32 as a double, so with 17 digits or so, and answers may be compressed.
        headers["Accept-Encoding"] = "gzip, deflate"
        body = json.dumps({"inputs": [dict(tensor, data=[round(float(x), 8) for x in IMAGE.ravel()])]}).encode()
        if form == "gzip":
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /v2/models/{model}/infer HTTP/1.1\r\n{lines}\r\n".encode() + body


def grpc_request(model, form):
    request = service_pb2.ModelInferRequest(model_name=model)
    tensor = request.inputs.add(name="input", datatype="FP32", shape=SHAPE)
    if form == "binary":
        request.raw_input_contents.append(IMAGE.tobytes())
    else:
        tensor.contents.fp32_contents.extend(IMAGE.ravel().tolist())
    return request.SerializeToString()


class HTTPConnection:
    """Sends a request and reads its answer, as little as that takes."""

    def __init__(self, address, request):
        host, port = address.rsplit(":", 1)
        self.address, self.request, self.socket = (host, int(port)), request, None

    def __call__(self):
        if self.socket is None:
            self.socket = socket.create_connection(self.address)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.stream = self.socket.makefile("rb")
        try:
            self.socket.sendall(self.request)
            status = int(self.stream.readline().split()[1])
            length, closes = 0, False
            while (line := self.stream.readline().strip().lower()):
                if line.startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
                closes = closes or line == b"connection: close"
            self.stream.read(length)
            if closes:
                self.socket = None
            return {200: "answered", 503: "refused", 504: "too_late"}.get(status, f"failed: {status}")
        except (OSError, IndexError, ValueError) as error:
            self.socket = None
            return f"failed: {error}"


class GRPCConnection:
    def __init__(self, address, request, deadline):
        options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.insecure_channel(address, options=options)
        self.call = self.channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer", request_serializer=lambda request: request,
            response_deserializer=lambda response: response)
        self.request, self.deadline = request, deadline

    def __call__(self):
        try:
            # The call's own deadline, which the server takes for the request's.
            self.call(self.request, timeout=self.deadline)
            return "answered"
        except grpc.RpcError as error:
            code = error.code()
            names = {grpc.StatusCode.RESOURCE_EXHAUSTED: "refused", grpc.StatusCode.DEADLINE_EXCEEDED: "too_late"}
            return names.get(code, f"failed: {code} {error.details()}")


class Load:
    """Requests at random times, from as many connections as it takes; a process of its own, so that no client waits for another
    one's interpreter. Times go from when a request was due, and from when it was sent."""

    def __init__(self, protocol, address, model, form, rate, deadline, seconds, connections=48):
        self.deadline = deadline
        self.results = multiprocessing.Queue()
        self.process = multiprocessing.Process(
            target=self.run, args=(protocol, address, model, form, rate, seconds, connections))

    def start(self):
        self.process.start()

    def join(self):
        results = self.results.get()
        self.process.join()
        return results

    def run(self, protocol, address, model, form, rate, seconds, connections):
        due_times, results = queue.Queue(), []

        def work(connection):
            while (due := due_times.get()) is not None:
                sent = time.monotonic()
                fate = connection()
                end = time.monotonic()
                results.append((fate, end - due, end - sent))

        if model == "later" and protocol == "HTTP":
            # The load must not take the processors of the clients that are measured.
            os.nice(5)
        request = (http_request if protocol == "HTTP" else grpc_request)(model, form)
        def connect():
            if protocol == "HTTP":
                return HTTPConnection(address, request)
            return GRPCConnection(address, request, self.deadline)

        threads = [threading.Thread(target=work, args=(connect(),)) for _ in range(connections)]
        for thread in threads:
            thread.start()
        source = random.Random(f"{model} {protocol}")
        due = time.monotonic()
        end = due + seconds
        while (due := due + source.expovariate(rate)) < end:
            time.sleep(max(0, due - time.monotonic()))
            due_times.put(due)
        for _ in threads:
            due_times.put(None)
        for thread in threads:
            thread.join()
        self.results.put(results)


class Figures:
    def __init__(self, results, deadline):
        fates = collections.Counter(result for result, _, _ in results)
        answers = sorted(since_due for result, since_due, _ in results if result == "answered")
        refusals = sorted(since_sent for result, _, since_sent in results if result == "refused") or [0]
        delays = sorted(since_due - since_sent for _, since_due, since_sent in results)
        # A client that is late to send is not the server's miss.
        late = sum(result == "answered" and since_sent > deadline for result, _, since_sent in results)
        self.sent = len(results)
        self.in_time = sum(time <= deadline for time in answers)
        self.late = len(answers) - self.in_time
        self.too_late, self.refused = fates["too_late"], fates["refused"]
        self.failed = {fate: count for fate, count in fates.items() if fate.startswith("failed")}
        self.missed = late + self.too_late
        self.delay = self.part(delays, 0.99)
        self.answers, self.refusals = answers or [0], refusals

    @staticmethod
    def part(values, share):
        return 1_000 * values[min(len(values) - 1, int(share * len(values)))]

    def __str__(self):
        return (
            f"{self.sent} sent, {self.in_time} in time, {self.late} late, {self.too_late} given up, {self.refused} refused, "
            f"failed {self.failed or 0}; answers {self.part(self.answers, 0.5):.1f} / {self.part(self.answers, 0.99):.1f} / "
            f"{self.part(self.answers, 1):.1f} ms, refusals {self.part(self.refusals, 0.5):.2f} / "
            f"{self.part(self.refusals, 0.99):.2f} / {self.part(self.refusals, 1):.2f} ms (median, 99th percentile, longest); "
            f"sending delay {self.delay:.1f} ms (99th percentile)")


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


def slope(samples):
    """MiB a minute, by least squares."""
    n = len(samples)
    mean_t, mean_m = (sum(column) / n for column in zip(*samples))
    return 60 * sum((t - mean_t) * (m - mean_m) for t, m in samples) / sum((t - mean_t) ** 2 for t, _ in samples)


def misses(address):
    """Those that the server has counted, by task."""
    counts = {}
    for line in urllib.request.urlopen(f"http://{address}/metrics").read().decode().splitlines():
        if line.startswith("daris_deadline_misses_total{"):
            task = line.split('task="')[1].split('"')[0]
            counts[task] = int(float(line.rsplit(" ", 1)[1]))
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    parser.add_argument("--minutes", default=10, type=float)
    parser.add_argument("--express", type=int, help="express lanes of each context, if not as many as by default")
    parser.add_argument("--low", choices=["binary", "json", "gzip"], default="binary",
                        help="how low-priority clients send their images")
    arguments = parser.parse_args()
    daris = arguments.daris.resolve()
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name) / "overload.yaml"
        path.write_text(SET.replace("EXPRESS", "" if arguments.express is None else f", express: {arguments.express}"))
        server = Server([daris, "serve", path])
        closed = json.loads(subprocess.run(
            [daris, "load", f"http://{server.http}", "--json", "--model", "later", "--concurrency", "4", "--duration", "10s"],
            stdout=subprocess.PIPE, check=True).stdout)
        capacity = closed["answers_per_second"]
        print(f"closed loop: {capacity:.1f} answers a second", flush=True)
        before = misses(server.http)
        loads = {}
        # Python's gRPC takes several times the processor of raw sockets, which it would take from the server.
        for model, form, share, deadline, over_grpc in (
            ("first", "binary", 0.2, 0.5, 0.5), ("later", arguments.low, 0.8, 1.0, 0.1)
        ):
            for protocol, address, part in (("HTTP", server.http, 1 - over_grpc), ("gRPC", server.grpc, over_grpc)):
                loads[model, protocol] = Load(
                    protocol, address, model, form, 2 * capacity * share * part, deadline, 60 * arguments.minutes)
        samples = []
        stop = threading.Event()

        def watch():
            start = time.monotonic()
            while not stop.wait(1):
                samples.append((time.monotonic() - start, resident(server.process.pid)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        for load in loads.values():
            load.start()
        results = {key: load.join() for key, load in loads.items()}
        stop.set()
        watcher.join()
        after = misses(server.http)
        code, _, rest = server.end()
    checks = Checks()
    for (model, protocol), found in results.items():
        print(f"{model}, {protocol}: {Figures(found, loads[model, protocol].deadline)}")
    steady = samples[len(samples) // 5:]
    growth = slope(steady)
    print(f"memory: {steady[0][1]:.1f} to {steady[-1][1]:.1f} MiB, {growth:+.3f} MiB a minute")
    for model, deadline in (("first", 0.5), ("later", 1.0)):
        figures = Figures(results[model, "HTTP"] + results[model, "gRPC"], deadline)
        counted = after[model] - before[model]
        print(f"{model}: {figures.missed} of {figures.sent} missed by the clients' clocks, {counted} counted by the server")
        checks.that(abs(figures.missed - counted) <= 0.01 * figures.sent,
                    f"the server counts the misses of {model} that its clients see")
        checks.that(not figures.failed, f"every request to {model} is answered: {figures.failed}")
        if model == "first":
            checks.that(figures.in_time >= 0.99 * figures.sent, "99 % of HP requests are answered in time")
        else:
            taken = max(1, figures.in_time + figures.missed)
            checks.that(figures.missed <= 0.02 * taken,
                        f"LP requests taken on miss under 2 %: {100 * figures.missed / taken:.2f} %")
            checks.that(Figures.part(figures.refusals, 0.99) <= 5, "99 % of refusals take at most 5 ms")
            checks.that(figures.refused > 0, "some LP requests are refused")
    checks.that(abs(growth) < 1, "memory is flat")
    checks.that(code == 0, f"daris serve ended with {code}: {rest[-300:]}")
    checks.end(f"Overload, LP as {arguments.low}")


if __name__ == "__main__":
    main()
