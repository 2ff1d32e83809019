#!/usr/bin/env python3
"""Drives `daris serve` with Triton's own client over HTTP and gRPC, and compares what it answers with ONNX Runtime.

    python3 Tests/Clients/triton-clients.py [--daris .build/release/daris]

A folder of small models, one for every element type and some with several inputs and outputs, and ResNet18 are served.
Checked are health, metadata, configuration, statistics and the repository; every type as bytes and as JSON, typed and raw
contents of gRPC; requested outputs, ids, versions, priorities, time-outs, compression; calls one by one, asynchronous,
streamed, and many at once; and what is said of requests that are wrong.

It needs tritonclient[http,grpc], onnx, onnxruntime and numpy, and a built daris with its ONNX Runtime. Without the packages it
says so and succeeds; without daris it fails.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import need

need("tritonclient.http", "tritonclient.grpc", "onnx", "onnxruntime", "numpy", "ml_dtypes")

import ml_dtypes
import numpy
import onnxruntime
import tritonclient.grpc
import tritonclient.http
from onnx import TensorProto, helper
from common import Checks, Server, save, save_sums
from tritonclient.utils import InferenceServerException

ROOT = pathlib.Path(__file__).resolve().parents[2]

TYPES = {
    "BOOL": (TensorProto.BOOL, numpy.bool_),
    "UINT8": (TensorProto.UINT8, numpy.uint8),
    "UINT16": (TensorProto.UINT16, numpy.uint16),
    "UINT32": (TensorProto.UINT32, numpy.uint32),
    "UINT64": (TensorProto.UINT64, numpy.uint64),
    "INT8": (TensorProto.INT8, numpy.int8),
    "INT16": (TensorProto.INT16, numpy.int16),
    "INT32": (TensorProto.INT32, numpy.int32),
    "INT64": (TensorProto.INT64, numpy.int64),
    "FP16": (TensorProto.FLOAT16, numpy.float16),
    "FP32": (TensorProto.FLOAT, numpy.float32),
    "FP64": (TensorProto.DOUBLE, numpy.float64),
    "BF16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16),
    "BYTES": (TensorProto.STRING, numpy.object_),
}
# Triton's client has no form for these in JSON.
ONLY_BINARY = {"FP16", "BF16"}


def make_models(folder):
    for name, (type, _) in TYPES.items():
        save(
            folder, f"identity_{name.lower()}", [helper.make_node("Identity", ["x"], ["y"])],
            [("x", type, [2, 3])], [("y", type, [2, 3])])
    save_sums(folder)


def example(name, generator):
    """Elements of a type, its ends among them."""
    _, type = TYPES[name]
    if name == "BOOL":
        return generator.integers(0, 2, (2, 3)).astype(bool)
    if name == "BYTES":
        texts = [b"", b"a", "größer".encode(), b"x" * 300, b'"quoted"\n', b"end"]
        return numpy.array(texts, dtype=numpy.object_).reshape(2, 3)
    if name in ("FP16", "FP32", "FP64", "BF16"):
        array = generator.standard_normal((2, 3)).astype(type)
        array[0] = [numpy.nan, numpy.inf, -numpy.inf]
        return array
    limits = numpy.iinfo(type)
    return numpy.array([limits.min, limits.max, 0, 1, 2, 3], dtype=type).reshape(2, 3)


def equal(found, expected):
    if expected.dtype == numpy.object_:
        as_bytes = [item if isinstance(item, bytes) else str(item).encode() for item in found.flatten()]
        return as_bytes == list(expected.flatten())
    return found.shape == expected.shape and numpy.array_equal(
        found.astype(numpy.float64), expected.astype(numpy.float64), equal_nan=True)


class TritonChecks(Checks):
    def error(self, what, call, words, status=None):
        """A call must fail, with these words and this status."""
        try:
            call()
        except InferenceServerException as error:
            found = f"{error.status()} {error.message()}"
            self.that(words in found, f"{what}: '{words}' in '{found}'")
            if status:
                self.that(status in found, f"{what}: {status} in '{found}'")
        except Exception as error:
            self.that(False, f"{what}: raised {type(error).__name__} {error}")
        else:
            self.that(False, f"{what}: did not fail")


def tensor(module, name, array, type, **options):
    value = module.InferInput(name, list(array.shape), type)
    value.set_data_from_numpy(array, **options)
    return value


def about(checks, module, client):
    """What a server says of itself and its models."""
    checks.that(client.is_server_live() and client.is_server_ready(), f"{module.__name__}: live and ready")
    checks.that(client.is_model_ready("sums") and client.is_model_ready("sums", "1"), "a model is ready")
    options = {"as_json": True} if module is tritonclient.grpc else {}
    metadata = client.get_server_metadata(**options)
    checks.that(metadata["name"] == "daris" and "binary_tensor_data" in metadata["extensions"], "server metadata")
    metadata = client.get_model_metadata("sums", **options)
    checks.that([tensor["name"] for tensor in metadata["inputs"]] == ["a", "b"], "names of inputs")
    checks.that([int(extent) for extent in metadata["outputs"][0]["shape"]] == [4, 16], "the shape of an output")
    checks.that(metadata["inputs"][0]["datatype"] == "FP32" and metadata["versions"] == ["1"], "type and version")
    configuration = client.get_model_config("sums", **options)
    configuration = configuration.get("config", configuration)
    checks.that(configuration["input"][0]["data_type"] == "TYPE_FP32", "the configuration's type")
    index = client.get_model_repository_index(**options)
    models = index["models"] if isinstance(index, dict) else index
    checks.that("sums" in [model["name"] for model in models], "the index of the repository")


def all_types(checks, http, grpc, generator):
    for name in TYPES:
        model = f"identity_{name.lower()}"
        array = example(name, generator)
        for binary in (True, False):
            if not binary and name in ONLY_BINARY:
                continue
            result = http.infer(
                model, [tensor(tritonclient.http, "x", array, name, binary_data=binary)],
                outputs=[tritonclient.http.InferRequestedOutput("y", binary_data=binary)])
            checks.that(equal(result.as_numpy("y"), array), f"HTTP {name} {'bytes' if binary else 'JSON'}")
        # Bytes in, JSON out, and the other way round.
        if name not in ONLY_BINARY:
            for incoming in (True, False):
                result = http.infer(
                    model, [tensor(tritonclient.http, "x", array, name, binary_data=incoming)],
                    outputs=[tritonclient.http.InferRequestedOutput("y", binary_data=not incoming)])
                checks.that(equal(result.as_numpy("y"), array), f"HTTP {name} mixed, bytes in: {incoming}")
        result = grpc.infer(model, [tensor(tritonclient.grpc, "x", array, name)])
        checks.that(equal(result.as_numpy("y"), array), f"gRPC {name}")
    typed_contents(checks, grpc, generator)


def typed_contents(checks, grpc, generator):
    """Elements one by one in gRPC, which Triton's client does not send by itself."""
    from tritonclient.grpc import service_pb2

    fields = {
        "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
        "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
        "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents",
    }
    for name, field in fields.items():
        array = example(name, generator)
        request = service_pb2.ModelInferRequest(model_name=f"identity_{name.lower()}")
        value = request.inputs.add(name="x", datatype=name, shape=list(array.shape))
        getattr(value.contents, field).extend(array.flatten().tolist())
        response = grpc._client_stub.ModelInfer(request)
        raw = response.raw_output_contents[0]
        if name == "BYTES":
            expected = b"".join(len(item).to_bytes(4, "little") + item for item in array.flatten())
        else:
            expected = array.tobytes()
        checks.that(raw == expected, f"gRPC {name} one by one")


def several(checks, module, client, generator):
    """Several inputs and outputs, chosen outputs, ids, priorities, asynchronous calls."""
    a, b = (generator.standard_normal((4, 16)).astype(numpy.float32) for _ in range(2))
    inputs = [tensor(module, "b", b, "FP32"), tensor(module, "a", a, "FP32")]
    where = module.__name__
    result = client.infer("sums", inputs, request_id="mine", priority=1)
    checks.that(result.get_response()["id"] == "mine" if module is tritonclient.http else result.get_response().id == "mine",
                f"{where}: the id comes back")
    checks.that(equal(result.as_numpy("sum"), a + b) and equal(result.as_numpy("difference"), a - b), f"{where}: sums")
    chosen = client.infer("sums", inputs, outputs=[module.InferRequestedOutput("difference")], model_version="1")
    checks.that(equal(chosen.as_numpy("difference"), a - b) and chosen.as_numpy("sum") is None, f"{where}: one output")
    # At the time limit of an hour nothing is late.
    timed = client.infer("sums", inputs, timeout=3_600_000_000)
    checks.that(equal(timed.as_numpy("sum"), a + b), f"{where}: a long time-out")
    if module is tritonclient.http:
        for algorithm in ("gzip", "deflate"):
            result = client.infer(
                "sums", inputs, request_compression_algorithm=algorithm, response_compression_algorithm=algorithm)
            checks.that(equal(result.as_numpy("sum"), a + b), f"{where}: {algorithm}")
        pending = [client.async_infer("sums", inputs) for _ in range(20)]
        checks.that(all(equal(item.get_result().as_numpy("sum"), a + b) for item in pending), f"{where}: asynchronous")
    else:
        result = client.infer("sums", inputs, compression_algorithm="gzip")
        checks.that(equal(result.as_numpy("sum"), a + b), f"{where}: gzip")
        answers = queue.Queue()
        for _ in range(20):
            client.async_infer("sums", inputs, lambda result, error: answers.put((result, error)))
        got = [answers.get(timeout=30) for _ in range(20)]
        checks.that(all(error is None and equal(result.as_numpy("sum"), a + b) for result, error in got),
                    f"{where}: asynchronous")
        client.start_stream(lambda result, error: answers.put((result, error)))
        for number in range(20):
            client.async_stream_infer("sums", inputs, request_id=str(number))
        client.async_stream_infer("nothing", inputs, request_id="wrong")
        got = [answers.get(timeout=30) for _ in range(21)]
        client.stop_stream()
        ids = [int(result.get_response().id) for result, error in got if error is None]
        checks.that(ids == list(range(20)), f"{where}: streamed, in order")
        checks.that(got[20][1] is not None and "there is no model 'nothing'" in str(got[20][1]),
                    f"{where}: a stream's error, in order")
        finals = [result.get_response().parameters["triton_final_response"].bool_param for result, _ in got[:20]]
        checks.that(all(finals), f"{where}: every answer in a stream is the last one to its message")


def wrong(checks, module, client):
    """What is said of requests that are wrong."""
    array = numpy.zeros((4, 16), dtype=numpy.float32)
    a, b = tensor(module, "a", array, "FP32"), tensor(module, "b", array, "FP32")
    is_http = module is tritonclient.http
    invalid, missing = ("400", "404") if is_http else ("INVALID_ARGUMENT", "NOT_FOUND")
    checks.error("unknown model", lambda: client.infer("nothing", [a, b]), "there is no model 'nothing'", missing)
    checks.error("unknown version", lambda: client.infer("sums", [a, b], model_version="7"), "no version '7'", missing)
    checks.error("a missing input", lambda: client.infer("sums", [a]), "input 'b' of model 'sums' is missing", invalid)
    checks.error("an unknown input", lambda: client.infer("sums", [a, b, tensor(module, "c", array, "FP32")]),
                 "has no input 'c'", invalid)
    checks.error("an input given twice", lambda: client.infer("sums", [a, a, b]), "is given twice", invalid)
    short = tensor(module, "b", numpy.zeros((4, 15), dtype=numpy.float32), "FP32")
    checks.error("a wrong shape", lambda: client.infer("sums", [a, short]), "has shape [4, 16], not [4, 15]", invalid)
    whole = tensor(module, "b", numpy.zeros((4, 16), dtype=numpy.int32), "INT32")
    checks.error("a wrong type", lambda: client.infer("sums", [a, whole]), "is FP32, not INT32", invalid)
    lying = tensor(module, "b", numpy.zeros((4, 15), dtype=numpy.float32), "FP32")
    lying.set_shape([4, 16])
    checks.error("a wrong size", lambda: client.infer("sums", [a, lying]), "has 256 bytes, not 240", invalid)
    checks.error("an unknown output",
                 lambda: client.infer("sums", [a, b], outputs=[module.InferRequestedOutput("product")]),
                 "has no output 'product'", invalid)
    checks.error("too short a time-out", lambda: client.infer("sums", [a, b], timeout=1), "deadline",
                 "504" if is_http else "DEADLINE_EXCEEDED")
    checks.that(not client.is_model_ready("nothing") and not client.is_model_ready("sums", "7"),
                "a model or version that there is not is not ready")
    client.unload_model("sums")
    checks.that(not client.is_model_ready("sums"), "an unloaded model is not ready")
    checks.error("an unloaded model", lambda: client.infer("sums", [a, b]), "is not loaded",
                 "503" if is_http else "RESOURCE_EXHAUSTED")
    client.load_model("sums")
    checks.that(client.is_model_ready("sums"), "a loaded model is ready")
    checks.error("an unknown model to load", lambda: client.load_model("nothing"), "there is no model", missing)


def raw_http(checks, address):
    """What Triton's client would not send."""
    def post(path, body, headers={}):
        request = urllib.request.Request(f"http://{address}{path}", data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read(), response.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    index = "/v2/repository/index"
    every = json.loads(post(index, b"")[1])
    checks.that("sums" in [entry["name"] for entry in every], "the index of the repository")
    control = "/v2/repository/models/sums/"
    checks.that(post(control + "unload", b"{}")[0] == 200, "unloaded")
    for wanted in (b'{"ready":true}', b'{"ready": true}', b' {\n  "ready" : true\n}\n'):
        names = [entry["name"] for entry in json.loads(post(index, wanted)[1])]
        checks.that("sums" not in names and len(names) == len(every) - 1, f"{wanted}: only what is ready: {names}")
    for wanted in (b"", b"{}", b'{"ready": false}'):
        checks.that(len(json.loads(post(index, wanted)[1])) == len(every), f"{wanted}: the whole index")
    checks.that(post(control + "load", b"{}")[0] == 200, "loaded again")
    status, body, _ = post(index, b"{ready}")
    checks.that(status == 400 and "no JSON" in json.loads(body)["error"], f"an index that is not JSON: {status} {body}")
    infer = "/v2/models/sums/infer"
    zeros = [[0.0] * 16] * 4
    good = {"inputs": [{"name": name, "datatype": "FP32", "shape": [4, 16], "data": zeros} for name in "ab"]}
    status, body, _ = post(infer, json.dumps(good).encode())
    checks.that(status == 200 and json.loads(body)["outputs"][0]["data"] == [0.0] * 64, "nested data")
    status, body, _ = post("/v2/nothing", b"")
    checks.that(status == 404 and "is nothing that is served here; served are v2" in json.loads(body)["error"],
                f"unknown: {body!r}")
    for what, body, headers, words in [
        ("no body", b"", {}, "no body"),
        ("no JSON", b"hello", {}, "is no JSON"),
        ("no inputs", b"{}", {}, "'inputs' is missing"),
        ("a header longer than the body", b"{}", {"Inference-Header-Content-Length": "99"}, "is 99"),
        ("a header that is no number", b"{}", {"Inference-Header-Content-Length": "x"}, "no number"),
        ("an unknown type", json.dumps({"inputs": [{"name": "a", "datatype": "F", "shape": [1], "data": [1]}]}).encode(),
         {}, "is no datatype"),
        ("too few elements",
         json.dumps({"inputs": [{"name": "a", "datatype": "FP32", "shape": [4, 16], "data": [1]}]}).encode(), {},
         "has 1 elements"),
        ("a broken gzip", b"nonsense", {"Content-Encoding": "gzip"}, "gzip"),
        ("an unknown encoding", b"{}", {"Content-Encoding": "br"}, "not known"),
    ]:
        status, answer, _ = post(infer, body, headers)
        checks.that(status == 400 and words in json.loads(answer)["error"], f"{what}: {status} {answer!r}")


def many(checks, http_address, generator):
    """Many at once: each is answered, and rightly or with a reason."""
    a, b = (generator.standard_normal((4, 16)).astype(numpy.float32) for _ in range(2))

    def one(_):
        with tritonclient.http.InferenceServerClient(http_address) as client:
            right, refused = 0, 0
            for _ in range(20):
                try:
                    result = client.infer(
                        "sums", [tensor(tritonclient.http, "a", a, "FP32"), tensor(tritonclient.http, "b", b, "FP32")])
                    right += equal(result.as_numpy("sum"), a + b)
                except InferenceServerException as error:
                    refused += error.status() == "503"
            return right, refused

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        results = list(pool.map(one, range(16)))
    right, refused = (sum(column) for column in zip(*results))
    checks.that(right + refused == 320 and right > 0, f"{right} answered and {refused} refused of 320")


def network(checks, folder, http, grpc, generator):
    """A real network against ONNX Runtime's own package."""
    image = generator.random((1, 3, 224, 224), dtype=numpy.float32)
    session = onnxruntime.InferenceSession(folder / "resnet18.onnx", providers=["CPUExecutionProvider"])
    expected = session.run(None, {session.get_inputs()[0].name: image})[0]
    for module, client in ((tritonclient.http, http), (tritonclient.grpc, grpc)):
        found = client.infer("resnet18", [tensor(module, session.get_inputs()[0].name, image, "FP32")], timeout=60_000_000)
        difference = numpy.abs(found.as_numpy(session.get_outputs()[0].name) - expected).max() / numpy.abs(expected).max()
        checks.that(difference < 1e-5, f"{module.__name__}: ResNet18 differs by {difference}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    arguments = parser.parse_args()
    if not arguments.daris.exists():
        raise SystemExit(f"{arguments.daris} is not there; build it with 'swift build'")
    daris = arguments.daris.resolve()
    checks = TritonChecks()
    generator = numpy.random.default_rng(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_models(folder)
        subprocess.run([daris, "model", "resnet18", "-o", folder / "resnet18.onnx"], check=True, stdout=subprocess.DEVNULL)
        server = Server(
            [daris, "serve", "--models", folder, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--deadline", "20s"])
        try:
            http = tritonclient.http.InferenceServerClient(server.http, concurrency=8)
            grpc = tritonclient.grpc.InferenceServerClient(server.grpc)
            for module, client in ((tritonclient.http, http), (tritonclient.grpc, grpc)):
                about(checks, module, client)
                several(checks, module, client, generator)
                wrong(checks, module, client)
            all_types(checks, http, grpc, generator)
            raw_http(checks, server.http)
            many(checks, server.http, generator)
            network(checks, folder, http, grpc, generator)
            statistics = http.get_inference_statistics("sums")["model_stats"][0]
            over_grpc = grpc.get_inference_statistics("sums", as_json=True)["model_stats"][0]
            checks.that(statistics["inference_stats"]["success"]["count"] > 100, "statistics count successes")
            checks.that(statistics["inference_stats"]["fail"]["count"] > 10, "statistics count failures")
            checks.that(int(over_grpc["inference_count"]) == statistics["inference_count"], "statistics over gRPC")
            http.close()
            grpc.close()
        finally:
            code, _, rest = server.end()
        checks.that(code == 0, f"daris serve ended with {code}: {rest}")
    checks.end("Triton's clients")


if __name__ == "__main__":
    main()
