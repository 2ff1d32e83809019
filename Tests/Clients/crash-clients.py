#!/usr/bin/env python3
"""Crashes the worker processes of `daris serve`, and the server itself.

    python3 Tests/Clients/crash-clients.py [--daris .build/release/daris]

Checked are that a worker that crashes ends at once, without a backtrace, and comes back; that a client whose requests crash
workers is cut off from that model while others go on; that a model is unavailable only if several clients crash it; that the
server says so when it can run nothing, and ends with 1 when that stays so; and that its own crash ends it at once.

It needs the package onnx, and a built daris with its ONNX Runtime. Without the package it says so and succeeds. The crash is
that of dividing the smallest int64 by -1, which processors of other kinds than x86 do not mind.
"""

import argparse
import http.client
import json
import os
import pathlib
import platform
import shutil
import signal
import sys
import tempfile
import time

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import Checks, Server, need, save, save_sums

need("onnx")

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOWEST = -(2 ** 63)

SET = """
isolation: process
partition: {{contexts: 2, streams: 1, oversubscription: 1}}
models: {{divide: {{file: {folder}/divide.onnx}}, sums: {{file: {folder}/sums.onnx}}}}
tasks:
  - {{name: divide, model: divide, rate: 10 Hz, deadline: 20 s, priority: low, arrival: sporadic, instances: 2}}
  - {{name: sums, model: sums, rate: 10 Hz, deadline: 20 s, priority: high, arrival: sporadic}}
serve: {{http: "127.0.0.1:0", grpc: "127.0.0.1:0"}}
run: {{seed: 1}}
"""


def call(server, method, path, body=None, source="127.0.0.1"):
    """Status, headers and body of an answer; an own address is an own client."""
    host, port = server.http.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=60, source_address=(source, 0))
    try:
        connection.request(method, path, body=body and json.dumps(body))
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def divide(server, a, b, source="127.0.0.1"):
    """a / (b - 2)"""
    inputs = [{"name": name, "datatype": "INT64", "shape": [4], "data": [value] * 4} for name, value in (("a", a), ("b", b))]
    return call(server, "POST", "/v2/models/divide/infer", {"inputs": inputs}, source)


def crash(server, source="127.0.0.1"):
    return divide(server, LOWEST, 1, source)


def sums(server, source="127.0.0.1"):
    inputs = [{"name": name, "datatype": "FP32", "shape": [4, 16], "data": [1.0] * 64} for name in "ab"]
    return call(server, "POST", "/v2/models/sums/infer", {"inputs": inputs}, source)[0]


def metric(server, name):
    """The values of a metric."""
    lines = call(server, "GET", "/metrics")[2].splitlines()
    return [float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name) and line[len(name)] in " {"]


def wait_until(condition, what, limit=120):
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"waited {limit} s in vain: {what}")
        time.sleep(0.05)


def wait_for_return(server, losses):
    """Waits until all contexts are up after so many losses."""
    def is_back():
        return sum(metric(server, "daris_context_losses_total")) == losses and metric(server, "daris_context_up") == [1, 1]
    wait_until(is_back, f"the contexts come back from {losses} losses")


def workers(server):
    """The children of the server."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except (OSError, IndexError):
                continue
            if fields[0] != "Z" and int(fields[1]) == server.process.pid:
                found.append(int(entry.name))
    return found


def crashing_clients(checks, server):
    def state():
        entries = json.loads(call(server, "POST", "/v2/repository/index")[2])
        return {entry["name"]: (entry["state"], entry["reason"]) for entry in entries}

    checks.that(divide(server, 12, 6)[0] == 200, "a division")
    for count in range(3):
        wait_for_return(server, count)
        status, _, text = crash(server)
        checks.that(status == 500 and "killed by signal 8" in text, f"crash {count}: {status} {text}")
        checks.that(call(server, "GET", "/v2/health/ready")[0] == 200, "one context is left: ready")

    # At once, for a refusal passes.
    status, headers, text = divide(server, 12, 6)
    checks.that(status == 403 and "this client (127.0.0.1)" in text, f"the client is cut off: {status} {text}")
    checks.that(0 < int(headers.get("Retry-After", 0)) <= 60, f"for up to a minute: {headers.get('Retry-After')}")
    checks.that(sums(server) == 200, "its other model is served")
    status, _, text = divide(server, 12, 6, "127.0.0.2")
    checks.that(status == 200 and "[3,3,3,3]" in text.replace(" ", ""), f"another client goes on: {status} {text}")
    checks.that(call(server, "GET", "/v2/models/divide/ready")[0] == 200, "the model is ready")
    checks.that(state()["divide"][0] == "READY", "the index says so")
    over_grpc(checks, server)

    # Three other clients.
    for count, source in enumerate(("127.0.0.2", "127.0.0.3", "127.0.0.4")):
        wait_for_return(server, count + 3)
        checks.that(crash(server, source)[0] == 500, f"a crash by {source}")
    status, headers, text = divide(server, 12, 6, "127.0.0.5")
    checks.that(status == 503 and "several clients" in text, f"the model is unavailable: {status} {text}")
    checks.that("Retry-After" in headers, "and it says for how long")
    status, _, text = call(server, "GET", "/v2/models/divide/ready")
    checks.that(status == 503 and "several clients" in text, f"the model is not ready: {status} {text}")
    checks.that(state()["divide"][0] == "UNAVAILABLE" and "several clients" in state()["divide"][1], "the index says so")
    checks.that(call(server, "GET", "/v2/health/ready")[0] == 200, "the server is ready")
    checks.that(sums(server, "127.0.0.5") == 200, "the other model goes on")


def over_grpc(checks, server):
    try:
        import numpy
        import tritonclient.grpc as triton
        from tritonclient.utils import InferenceServerException
    except ImportError:
        print("skipped: gRPC, for tritonclient is not installed")
        return
    with triton.InferenceServerClient(server.grpc) as client:
        inputs = [triton.InferInput(name, [4], "INT64") for name in "ab"]
        for tensor in inputs:
            tensor.set_data_from_numpy(numpy.ones(4, dtype=numpy.int64))
        try:
            client.infer("divide", inputs)
            checks.that(False, "the client is cut off over gRPC too")
        except InferenceServerException as error:
            checks.that(error.status() == "StatusCode.PERMISSION_DENIED", f"over gRPC: {error.status()}")


def own_crash(checks, server):
    server.process.send_signal(signal.SIGSEGV)
    code = server.process.wait(timeout=120)
    server.reader.join(timeout=10)
    log = "".join(server.rest)
    checks.that(code == -signal.SIGSEGV, f"the server's own crash ends it: {code}")
    checks.that("error: daris crashed: signal 11 (SIGSEGV)" in log, f"it says so: {log[-500:]}")
    checks.that("crashed: signal 8 (SIGFPE)" in log, "its workers have said so")
    checks.that("acktrac" not in log.replace("SWIFT_BACKTRACE", ""), f"nothing writes a backtrace: {log[:1000]}")


def nothing_left(checks, server, folders):
    """No context comes back."""
    for folder in folders:
        shutil.rmtree(folder)
    for worker in workers(server):
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: call(server, "GET", "/v2/health/ready")[0] == 503, "the server is not ready")
    checks.that("every context is lost" in call(server, "GET", "/v2/health/ready")[2], "it says why")
    checks.that(call(server, "GET", "/v2/health/live")[0] == 200, "it is alive")
    checks.that(call(server, "GET", "/v2/models/sums/ready")[0] == 503, "its models are not ready")
    checks.that(metric(server, "daris_ready") == [0], "nor do its metrics say so")
    checks.that(sums(server) == 503, "requests are refused")
    code = server.process.wait(timeout=300)
    server.reader.join(timeout=10)
    log = "".join(server.rest)
    checks.that(code == 1, f"it ends with 1: {code}")
    checks.that("error: the server ended, for every context is lost" in log, f"it says why: {log[-500:]}")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--daris", default=str(ROOT / ".build/release/daris"))
    daris = arguments.parse_args().daris
    from onnx import TensorProto, helper

    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)

        def start(name):
            models, cache = folder / name, folder / f"{name}-cache"
            models.mkdir()
            cache.mkdir()
            # a / (b - 2): for b of 0 and 1, which models are measured with, that is no division by 0.
            save(models, "divide",
                 [helper.make_node("Sub", ["b", "two"], ["divisor"]),
                  helper.make_node("Div", ["a", "divisor"], ["quotient"])],
                 [(tensor, TensorProto.INT64, [4]) for tensor in "ab"], [("quotient", TensorProto.INT64, [4])],
                 [helper.make_tensor("two", TensorProto.INT64, [1], [2])])
            save_sums(models)
            (folder / f"{name}.yaml").write_text(SET.format(folder=models))
            return Server(["env", f"XDG_CACHE_HOME={cache}", daris, "serve", str(folder / f"{name}.yaml")]), (models, cache)

        if platform.machine() == "x86_64":
            server, _ = start("crash")
            try:
                crashing_clients(checks, server)
                own_crash(checks, server)
            finally:
                server.process.kill()
        else:
            print("skipped: a division that crashes, for this processor has none")
        server, folders = start("nothing")
        try:
            nothing_left(checks, server, folders)
        finally:
            server.process.kill()
    checks.end("crash-clients")


if __name__ == "__main__":
    sys.exit(main())
