#!/usr/bin/env python3
"""Models that come, go and cannot be served, as clients of a server's repository see them.

    python3 Tests/Clients/repository-clients.py [--daris .build/release/daris]

Checked are that models that cannot be run are listed with their reasons while the rest is served, that names with spaces are
served, and the states of models that are loaded, replaced and unloaded while clients ask for them.

It needs tritonclient[http,grpc], onnx and numpy, and a built daris with its ONNX Runtime. Without the packages it says so and
succeeds; without daris it fails.
"""

import argparse
import json
import os
import pathlib
import tempfile
import urllib.error
import urllib.request

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import Checks, Server, need, save

need("tritonclient.http", "tritonclient.grpc", "onnx", "numpy")

import numpy
import tritonclient.grpc
import tritonclient.http
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def save_factor(folder, name, factor, shape=(4,)):
    """y = factor · x."""
    weight = helper.make_tensor("w", FLOAT, [1], [factor])
    save(folder, name, [helper.make_node("Mul", ["x", "w"], ["y"])], [("x", FLOAT, shape)], [("y", FLOAT, shape)], [weight])


def save_counting(folder, name):
    """The shape of its output depends on the input's values."""
    save(folder, name, [helper.make_node("NonZero", ["x"], ["y"])], [("x", FLOAT, [4])], [("y", INT64, [1, "n"])])


def save_sequence(folder, name):
    """A sequence of tensors goes from one node to the next."""
    nodes = [
        helper.make_node("SequenceConstruct", ["x", "x"], ["s"]), helper.make_node("SequenceAt", ["s", "i"], ["y"])]
    save(folder, name, nodes, [("x", FLOAT, [4])], [("y", FLOAT, [4])], [helper.make_tensor("i", INT64, [], [1])])


def ask(client, module, name, value=1.0, version="", count=4):
    """The first element of the answer to a tensor full of a value."""
    tensor = module.InferInput("x", [count], "FP32")
    tensor.set_data_from_numpy(numpy.full([count], value, dtype=numpy.float32))
    return float(client.infer(name, [tensor], model_version=version).as_numpy("y")[0])


def error(call):
    """The words of the error that a call ends with; empty if it ends with none."""
    try:
        call()
    except (InferenceServerException, AssertionError) as problem:
        return str(problem)
    return ""


def fetch(address, path, body=None):
    """Status and text of what the server answers."""
    request = urllib.request.Request(f"http://{address}{path}", data=body, method="GET" if body is None else "POST")
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as problem:
        return problem.code, problem.read().decode()


class Clients:
    """Both clients of a server."""

    def __init__(self, server):
        self.address = server.http
        self.http = tritonclient.http.InferenceServerClient(server.http, network_timeout=300, connection_timeout=300)
        self.grpc = tritonclient.grpc.InferenceServerClient(server.grpc)

    def both(self):
        yield "HTTP", self.http, tritonclient.http
        yield "gRPC", self.grpc, tritonclient.grpc

    def index(self):
        """States and reasons by name and version, which both protocols must tell alike."""
        over_http = {(entry["name"], entry["version"]): (entry["state"], entry["reason"])
                     for entry in self.http.get_model_repository_index()}
        over_grpc = {(entry.name, entry.version): (entry.state, entry.reason)
                     for entry in self.grpc.get_model_repository_index().models}
        assert over_http == over_grpc, f"{over_http} is not {over_grpc}"
        return over_http


def serve(daris, *arguments):
    return Server([daris, "serve", *arguments, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--deadline", "20s"])


def bad_models(daris, checks):
    """One bad model never ends the server."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_factor(folder, "good", 2)
        save_factor(folder, "with space", 3)
        save_factor(folder, "größer", 4)
        save_counting(folder, "counting")
        save_sequence(folder, "sequence")
        (folder / "broken.onnx").write_bytes(b"no model")
        (folder / "tab\there.onnx").write_bytes((folder / "good.onnx").read_bytes())
        server = serve(daris, "--models", folder)
        clients = Clients(server)
        index = clients.index()
        checks.that(len(index) == 7, f"the index lists every file: {index}")
        for model in ["good", "with space", "größer"]:
            checks.that(index[(model, "1")] == ("READY", ""), f"{model} is ready: {index[(model, '1')]}")
        for model in ["counting", "broken", "tab\there"]:
            state, reason = index[(model, "1")]
            checks.that(state == "UNAVAILABLE" and len(reason) > 10, f"{model} has a reason: {reason}")
        checks.that("depends on the input's values" in index[("counting", "1")][1], index[("counting", "1")][1])
        for protocol, client, module in clients.both():
            checks.that(ask(client, module, "good") == 2, f"good answers over {protocol}")
            checks.that(ask(client, module, "with space") == 3, f"a name with a space is served over {protocol}")
            checks.that(ask(client, module, "größer") == 4, f"a name with an umlaut is served over {protocol}")
            checks.that(client.is_model_ready("with space"), f"and ready over {protocol}")
            checks.that(not client.is_model_ready("counting"), f"a bad one is not, over {protocol}")
            words = error(lambda: ask(client, module, "counting"))
            checks.that("depends on the input's values" in words, f"a request hears the reason over {protocol}: {words}")
            words = error(lambda: ask(client, module, "nothing"))
            checks.that("no model" in words, f"a model that is not there is another thing: {words}")
        checks.that(fetch(server.http, "/v2/models/counting/ready")[0] == 503, "503 for a model that is not ready")
        checks.that(fetch(server.http, "/v2/models/nothing/ready")[0] == 404, "404 for one that is not there")
        listed = json.loads(fetch(server.http, "/v2/repository/index", b'{"ready": true}')[1])
        checks.that(all(entry["state"] == "READY" for entry in listed) and listed, "those that are ready, if asked for")
        code, _, log = server.end()
        checks.that(code == 0, f"the server ends well: {code}\n{log}")


def bad_task_set(daris, checks):
    """The same of a task set."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_factor(folder, "good", 2)
        save_counting(folder, "counting")
        tasks = folder / "tasks.yaml"
        tasks.write_text("""
partition: {contexts: 1, streams: 1}
models: {good: {file: good.onnx}, counting: {file: counting.onnx}, missing: {file: missing.onnx}}
tasks:
  - {name: one, model: good, rate: 1 Hz, deadline: 20 s, priority: high, arrival: sporadic}
  - {name: two, model: counting, rate: 1 Hz, deadline: 20 s, priority: low, arrival: sporadic}
  - {name: three, model: missing, rate: 1 Hz, priority: low, arrival: sporadic}
""")
        server = Server([daris, "serve", tasks, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"])
        clients = Clients(server)
        index = clients.index()
        checks.that(index[("one", "1")][0] == "READY", f"{index}")
        checks.that(index[("two", "1")][0] == index[("three", "1")][0] == "UNAVAILABLE", f"{index}")
        checks.that(ask(clients.http, tritonclient.http, "one") == 2, "the good task answers")
        code, _, _ = server.end()
        checks.that(code == 0, "the server ends well")


def main():
    parser = argparse.ArgumentParser(description="Models that come and go, as clients see them.")
    parser.add_argument("--daris", default=ROOT / ".build/release/daris")
    daris = parser.parse_args().daris
    checks = Checks()
    bad_models(daris, checks)
    bad_task_set(daris, checks)
    checks.end("repository clients")


if __name__ == "__main__":
    main()
