#!/usr/bin/env python3
"""What `daris serve` costs beside the inference itself, over HTTP and gRPC on loopback.

    python3 Benchmarks/server.py [--daris .build/release/daris]

Two models are served: a trivial one (adds 64 floats), for requests a second with 64 connections, and one that takes a tensor of
600 KB and does next to nothing with it, for the time that a client waits beyond the inference. HTTP is driven by wrk, gRPC by
h2load, and both by clients of a few lines that send the same bytes again and again; what those clients take for themselves
is part of the time, so h2load, whose client takes the least, sends the large message too. Calls of gRPC that do nothing
tell what its library takes.

It needs the packages of Tests/Clients/requirements.txt, and for wrk and h2load Debian's packages wrk and nghttp2-client; what
is not there is left out.
"""

import argparse
import http.client
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/Clients"))
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import need

need("grpc", "numpy", "onnx", "tritonclient.grpc")

import grpc
import numpy
import tritonclient.grpc.service_pb2 as messages
from common import Server, save, save_sums
from onnx import TensorProto, helper

LARGE = (1, 3, 224, 224)


def http_body(inputs):
    """A request with binary tensors, and the length of its JSON."""
    header = json.dumps({
        "inputs": [
            {"name": name, "datatype": "FP32", "shape": list(array.shape),
             "parameters": {"binary_data_size": array.nbytes}} for name, array in inputs],
        "parameters": {"binary_data_output": True}}).encode()
    return header + b"".join(array.tobytes() for _, array in inputs), len(header)


def grpc_message(model, inputs):
    request = messages.ModelInferRequest(model_name=model)
    for name, array in inputs:
        request.inputs.add(name=name, datatype="FP32", shape=array.shape)
        request.raw_input_contents.append(array.tobytes())
    return request.SerializeToString()


def compute(address, model):
    """Inferences so far, and the nanoseconds that they took from hand-over to end."""
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port))
    connection.request("GET", f"/v2/models/{model}/stats")
    figures = json.loads(connection.getresponse().read())["model_stats"][0]["inference_stats"]["compute_infer"]
    return figures["count"], figures["ns"]


def overhead(name, address, model, call, count=500):
    """The median time of a call, beyond the mean time of its inference."""
    for _ in range(50):
        call()
    before = compute(address, model)
    times = []
    for _ in range(count):
        start = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - start)
    after = compute(address, model)
    inference = (after[1] - before[1]) / (after[0] - before[0])
    median = statistics.median(times)
    print(
        f"{name}: a call takes {median / 1e6:.3f} ms, of which the inference {inference / 1e6:.3f} ms: "
        f"{(median - inference) / 1e6:.3f} ms beyond it (medians of {count} calls)", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    parser.add_argument("--seconds", default=5, type=int)
    arguments = parser.parse_args()
    small = [(name, numpy.zeros((4, 16), dtype=numpy.float32)) for name in "ab"]
    large = [("x", numpy.zeros(LARGE, dtype=numpy.float32))]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "models").mkdir()
        save_sums(folder / "models")
        save(
            folder / "models", "large", [helper.make_node("Slice", ["x", "starts", "ends"], ["y"])],
            [("x", TensorProto.FLOAT, LARGE)], [("y", TensorProto.FLOAT, (1, 1, 1, 1))],
            [helper.make_tensor("starts", TensorProto.INT64, [4], [0, 0, 0, 0]),
             helper.make_tensor("ends", TensorProto.INT64, [4], [1, 1, 1, 1])])
        server = Server([
            arguments.daris.resolve(), "serve", "--models", folder / "models", "--http", "127.0.0.1:0",
            "--grpc", "127.0.0.1:0", "--instances", "64"])
        try:
            throughput(server, folder, small, arguments.seconds)
            body, length = http_body(large)
            host, port = server.http.rsplit(":", 1)
            connection = http.client.HTTPConnection(host, int(port))

            def over_http():
                connection.request(
                    "POST", "/v2/models/large/infer", body=body,
                    headers={"Inference-Header-Content-Length": str(length)})
                response = connection.getresponse()
                assert response.status == 200, response.read()
                response.read()

            overhead("600 KB over HTTP", server.http, "large", over_http)
            channel = grpc.insecure_channel(server.grpc, [("grpc.max_send_message_length", 1 << 24)])
            infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            message = grpc_message("large", large)
            overhead("600 KB over gRPC", server.http, "large", lambda: infer(message))
            channel.close()
            by_h2load(server, folder, message)
        finally:
            server.end()


def throughput(server, folder, inputs, seconds):
    body, length = http_body(inputs)
    if shutil.which("wrk"):
        (folder / "post.lua").write_text(
            'wrk.method = "POST"\n'
            f'local file = io.open("{folder}/body", "rb")\nwrk.body = file:read("*a")\n'
            f'wrk.headers["Inference-Header-Content-Length"] = "{length}"\n')
        (folder / "body").write_bytes(body)
        printed = subprocess.run(
            ["wrk", "-t1", "-c64", f"-d{seconds}", "--latency", "-s", folder / "post.lua",
             f"http://{server.http}/v2/models/sums/infer"], capture_output=True, text=True).stdout
        rate = re.search(r"Requests/sec:\s+(\S+)", printed)
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", printed)
        print(f"HTTP, 64 connections, by wrk: {rate.group(1) if rate else printed} requests a second"
              + (f", {bad.group(1)} of them refused" if bad else ""), flush=True)
    if shutil.which("h2load"):
        for what, method, message in (
                ("", "ModelInfer", grpc_message("sums", inputs)), (" that do nothing", "ServerLive", b"")):
            printed = h2load(server, folder, method, message, "-c64", f"-D{seconds}")
            rate = re.search(r"finished in .*?, (\S+) req/s", printed)
            print(f"gRPC, 64 connections, by h2load: {rate.group(1) if rate else printed} requests{what} a second", flush=True)


def h2load(server, folder, method, message, *options):
    (folder / "message").write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    return subprocess.run(
        ["h2load", "-m1", "-t1", *options, "-d", folder / "message", "-H", "content-type: application/grpc",
         "-H", "te: trailers", f"http://{server.grpc}/inference.GRPCInferenceService/{method}"],
        capture_output=True, text=True).stdout


def by_h2load(server, folder, message):
    """The mean time of a large call, beyond the mean time of its inference."""
    if not shutil.which("h2load"):
        return
    h2load(server, folder, "ModelInfer", message, "-c1", "-n100")
    before = compute(server.http, "large")
    printed = h2load(server, folder, "ModelInfer", message, "-c1", "-n1000")
    after = compute(server.http, "large")
    inference = (after[1] - before[1]) / (after[0] - before[0]) / 1e6
    mean = re.search(r"time for request: +\S+ +\S+ +([\d.]+)(us|ms|s)", printed)
    call = float(mean.group(1)) * {"us": 1e-3, "ms": 1, "s": 1e3}[mean.group(2)]
    print(f"600 KB over gRPC by h2load: a call takes {call:.3f} ms, of which the inference {inference:.3f} ms: "
          f"{call - inference:.3f} ms beyond it (means of 1000 calls)", flush=True)


if __name__ == "__main__":
    main()
