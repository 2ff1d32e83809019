#!/usr/bin/env python3
"""Holds `daris serve` to its table of the Open Inference Protocol and of Triton's extensions.

    python3 Tests/Clients/conformance.py [--daris .build/release/daris]
    python3 Tests/Clients/conformance.py --table

Every endpoint and parameter has a row: what is done over HTTP and over gRPC, and a call that shows it, by Triton's client where
that has one. `--table` prints the table as docs/from-triton.md has it; the script compares the two. KServe's clients are asked
too, by kserve-clients.py.

It needs tritonclient[http,grpc], onnx and numpy, and a built daris with its ONNX Runtime. Without the packages it says so and
succeeds; without daris it fails.
"""

import argparse
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

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/from-triton.md"
START, END = "<!-- conformance.py --table -->\n", "<!-- end of the table -->\n"

# What a row says: done; a status, which refuses it by name; or that the protocol has no such thing.
YES, NONE = "yes", "–"

# (extension, endpoint or parameter, over HTTP, over gRPC, what calls it)
ROWS = [
    ("health", "`v2/health/live`, `ServerLive`", YES, YES, "live"),
    ("health", "`v2/health/ready`, `ServerReady`", YES, YES, "ready"),
    ("health", "`v2/models/NAME[/versions/V]/ready`, `ModelReady`", YES, YES, "model_ready"),
    ("metadata", "`v2`, `ServerMetadata`", YES, YES, "server_metadata"),
    ("metadata", "`v2/models/NAME[/versions/V]`, `ModelMetadata`", YES, YES, "model_metadata"),
    ("inference", "`v2/models/NAME[/versions/V]/infer`, `ModelInfer`", YES, YES, "infer"),
    ("inference", "`ModelStreamInfer`, answered in order", NONE, YES, "stream"),
    ("inference", "`id`", YES, YES, "request_id"),
    ("inference", "outputs by name", YES, YES, "some_outputs"),
    ("inference", "tensors in JSON, typed contents", YES, YES, "typed"),
    ("inference", "bodies and messages in gzip", YES, YES, "compressed"),
    ("inference", "a model or version that is not there", "404", "NOT_FOUND", "no_model"),
    ("inference", "a wrong datatype or shape", "400", "INVALID_ARGUMENT", "wrong_tensor"),
    ("binary data", "`binary_data_size`, `binary_data`, `binary_data_output`", YES, YES, "binary"),
    ("binary data", "`binary_data: false`", YES, "UNIMPLEMENTED", "no_binary"),
    ("binary data", "a body without JSON (`Inference-Header-Content-Length: 0`)", YES, NONE, "raw"),
    ("classification", "`classification` of a numeric output", YES, YES, "classes"),
    ("classification", "`classification` of BYTES or BOOL", "400", "INVALID_ARGUMENT", "no_classes"),
    ("schedule policy", "`priority`, `timeout`", YES, YES, "schedule"),
    ("schedule policy", "a `timeout` that passes", "504", "DEADLINE_EXCEEDED", "late"),
    ("sequence", "`sequence_id`, `sequence_start`, `sequence_end`", "400", "UNIMPLEMENTED", "sequence"),
    ("sequence", "the same as 0, empty or false", YES, YES, "no_sequence"),
    ("shared memory", "`v2/systemsharedmemory[/region/NAME]/status`, `SystemSharedMemoryStatus`", YES, YES, "memory_status"),
    ("shared memory", "`…/region/NAME/register`, `SystemSharedMemoryRegister`", YES, YES, "memory_register"),
    ("shared memory", "`…[/region/NAME]/unregister`, `SystemSharedMemoryUnregister`", YES, YES, "memory_unregister"),
    ("shared memory", "`shared_memory_region`, `…_offset`, `…_byte_size` of inputs and outputs", YES, YES, "memory"),
    ("shared memory", "`v2/cudasharedmemory[/region/NAME]/status`, `CudaSharedMemoryStatus`: there is none", YES, YES,
     "cuda_status"),
    ("shared memory", "`…/register`, `CudaSharedMemoryRegister`", "400", "UNIMPLEMENTED", "cuda_register"),
    ("shared memory", "`…/unregister`, `CudaSharedMemoryUnregister`", YES, YES, "cuda_unregister"),
    ("model configuration", "`v2/models/NAME[/versions/V]/config`, `ModelConfig`", YES, YES, "configuration"),
    ("model repository", "`v2/repository/index`, `RepositoryIndex`", YES, YES, "index"),
    ("model repository", "`v2/repository/models/NAME/load` and `unload`, `RepositoryModelLoad` and `…Unload`", YES, YES,
     "load"),
    ("statistics", "`v2/models[/NAME[/versions/V]]/stats`, `ModelStatistics`", YES, YES, "statistics"),
    ("trace", "`v2[/models/NAME]/trace/setting`, `TraceSetting`", "400", "UNIMPLEMENTED", "trace"),
    ("logging", "`v2/logging`, `LogSettings`", "400", "UNIMPLEMENTED", "logging"),
    ("parameters", "others of a request, an input or an output", "400", "INVALID_ARGUMENT", "parameters"),
    ("parameters", "one that is known, of another type", "400", "INVALID_ARGUMENT", "wrong_parameter"),
    ("parameters", "`triton_enable_empty_final_response`: there is one answer", YES, YES, "final_response"),
    ("parameters", "`triton_final_response` of answers in a stream", NONE, YES, "stream"),
    ("generate", "`v2/models/NAME[/versions/V]/generate` and `generate_stream`", "400", NONE, "generate"),
    ("metrics", "`metrics`, on the same port", YES, NONE, "metrics"),
    ("", "any other endpoint or method", "404", "UNIMPLEMENTED", "unknown"),
]


def table():
    lines = ["| extension | endpoint or parameter | HTTP | gRPC |", "|---|---|---|---|"]
    last = None
    for extension, subject, http, grpc, _ in ROWS:
        lines.append(f"| {extension if extension != last else ''} | {subject} | {http} | {grpc} |")
        last = extension
    return "\n".join(lines) + "\n"


if "--table" in sys.argv:
    print(table(), end="")
    sys.exit(0)

from common import Checks, Server, need, save, save_sums

need("tritonclient.http", "tritonclient.grpc", "onnx", "numpy")

import grpc as grpcio
import numpy
import tritonclient.grpc
import tritonclient.http
import tritonclient.utils.shared_memory as shared_memory
from onnx import TensorProto, helper
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

ARRAYS = {name: numpy.arange(64, dtype=numpy.float32).reshape(4, 16) * factor for name, factor in (("a", 1), ("b", 2))}
SUM = ARRAYS["a"] + ARRAYS["b"]


class Wrong(Exception):
    """A call was answered, but not as it should have been."""


def must(condition, what):
    if not condition:
        raise Wrong(what)


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


class Side:
    """One protocol: its client, and the calls that its client does not make."""

    def __init__(self, module, address):
        self.module, self.address = module, address
        self.is_http = module is tritonclient.http
        self.client = module.InferenceServerClient(address)
        self.channel = None if self.is_http else grpcio.insecure_channel(address)
        self.key = f"/daris-conformance-{os.getpid()}-{'http' if self.is_http else 'grpc'}"

    def inputs(self):
        tensors = []
        for name, array in ARRAYS.items():
            tensor = self.module.InferInput(name, list(array.shape), "FP32")
            tensor.set_data_from_numpy(array)
            tensors.append(tensor)
        return tensors

    def infer(self, **options):
        return self.client.infer("sums", self.inputs(), **options)

    def json(self, **options):
        return self.client.infer("sums", self.inputs(), **options).get_response()

    def http(self, method, path, body=None, headers={}):
        """A call of HTTP, by hand: the body of its answer."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        request = urllib.request.Request(f"http://{self.address}/{path}", data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            raise Refused(str(error.code), json.loads(error.read())["error"])

    def call(self, method, message=b""):
        """A call of gRPC, by hand."""
        path = f"/inference.GRPCInferenceService/{method}"
        return self.channel.unary_unary(path)(message if isinstance(message, bytes) else message.SerializeToString())

    def send(self, request=None, inputs=None, outputs=None, **other):
        """An inference with parameters that Triton's client would not send: of the request, of input a, of output sum."""
        if self.is_http:
            tensors = [{"name": name, "datatype": "FP32", "shape": [4, 16], "data": array.flatten().tolist()}
                       for name, array in ARRAYS.items()]
            tensors[0]["parameters"] = inputs or {}
            body = {"inputs": tensors, "parameters": request or {},
                    "outputs": [{"name": "sum", "parameters": outputs or {}}], **other}
            return json.loads(self.http("POST", "v2/models/sums/infer", body))
        message = service_pb2.ModelInferRequest(model_name="sums")
        fill(message.parameters, request)
        for name, array in ARRAYS.items():
            tensor = message.inputs.add(name=name, datatype="FP32", shape=[4, 16])
            if name == "a":
                fill(tensor.parameters, inputs)
            tensor.contents.fp32_contents.extend(array.flatten().tolist())
        fill(message.outputs.add(name="sum").parameters, outputs)
        return service_pb2.ModelInferResponse.FromString(self.call("ModelInfer", message))


def fill(parameters, values):
    for name, value in (values or {}).items():
        if isinstance(value, bool):
            parameters[name].bool_param = value
        elif isinstance(value, int):
            parameters[name].int64_param = value
        else:
            parameters[name].string_param = value


def same(result, expected=SUM, output="sum"):
    must(numpy.array_equal(result.as_numpy(output), expected), "the elements are right")


# MARK: the calls of the rows; what a call says of itself must name what is refused


def live(side):
    must(side.client.is_server_live(), "live")


def ready(side):
    must(side.client.is_server_ready(), "ready")


def model_ready(side):
    must(side.client.is_model_ready("sums") and side.client.is_model_ready("sums", "1"), "the model is ready")


def server_metadata(side):
    metadata = side.client.get_server_metadata(**({} if side.is_http else {"as_json": True}))
    must(metadata["name"] == "daris", metadata)
    must({"binary_tensor_data", "classification", "model_configuration", "model_repository", "schedule_policy", "statistics",
          "system_shared_memory"} <= set(metadata["extensions"]), metadata)
    must("cuda_shared_memory" not in metadata["extensions"] and "sequence" not in metadata["extensions"], metadata)


def model_metadata(side):
    for version in ("", "1"):
        metadata = side.client.get_model_metadata("sums", version, **({} if side.is_http else {"as_json": True}))
        must([tensor["name"] for tensor in metadata["inputs"]] == ["a", "b"], metadata)


def infer(side):
    same(side.infer())
    same(side.infer(model_version="1"))


def stream(side):
    answers = queue.Queue()
    side.client.start_stream(lambda result, error: answers.put((result, error)))
    for number in range(10):
        model = "sums" if number != 4 else "nothing"
        side.client.async_stream_infer(model, side.inputs(), request_id=str(number), enable_empty_final_response=True)
    got = [answers.get(timeout=30) for _ in range(10)]
    side.client.stop_stream()
    must(got[4][1] is not None and "'nothing'" in str(got[4][1]), "the error is the fifth")
    del got[4]
    must([result.get_response().id for result, _ in got] == [str(number) for number in range(10) if number != 4], "in order")
    must(all(result.get_response().parameters["triton_final_response"].bool_param for result, _ in got), "each is the last")
    # The client does not tell the id of an error; the message has it.
    message = service_pb2.ModelInferRequest(model_name="nothing", id="seven")
    call = side.channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")
    answer = service_pb2.ModelStreamInferResponse.FromString(next(iter(call(iter([message.SerializeToString()])))))
    must(answer.infer_response.id == "seven" and "'nothing'" in answer.error_message, answer)


def request_id(side):
    answer = side.json(request_id="mine")
    must((answer["id"] if side.is_http else answer.id) == "mine", answer)


def some_outputs(side):
    result = side.infer(outputs=[side.module.InferRequestedOutput("difference")])
    same(result, ARRAYS["a"] - ARRAYS["b"], "difference")
    must(result.as_numpy("sum") is None, "one output")


def typed(side):
    answer = side.send()
    if side.is_http:
        must(answer["outputs"][0]["data"] == SUM.flatten().tolist(), answer)
    else:
        must(answer.raw_output_contents[0] == SUM.tobytes(), "the elements")


def compressed(side):
    if side.is_http:
        same(side.infer(request_compression_algorithm="gzip", response_compression_algorithm="gzip"))
    else:
        same(side.infer(compression_algorithm="gzip"))


def no_model(side):
    side.client.infer("nothing", side.inputs())


def wrong_tensor(side):
    tensors = side.inputs()
    tensors[0] = side.module.InferInput("a", [4, 16], "INT32")
    tensors[0].set_data_from_numpy(numpy.zeros((4, 16), dtype=numpy.int32))
    side.client.infer("sums", tensors)


def binary(side):
    if side.is_http:
        same(side.infer(outputs=[side.module.InferRequestedOutput("sum", binary_data=True)]))
    else:
        side.send(request={"binary_data_output": True}, inputs={"binary_data_size": 256}, outputs={"binary_data": True})


def no_binary(side):
    if side.is_http:
        same(side.infer(outputs=[side.module.InferRequestedOutput("sum", binary_data=False)]))
    else:
        side.send(outputs={"binary_data": False})


def raw(side):
    values = numpy.array([3, 1, 2, 9], dtype=numpy.int32)
    answer = side.http("POST", "v2/models/numbers/infer", values.tobytes(), {"Inference-Header-Content-Length": "0"})
    must(answer.endswith(values.tobytes()), answer)


def classes(side):
    array = numpy.array([3, 1, 2, 9], dtype=numpy.int32)
    tensor = side.module.InferInput("x", [4], "INT32")
    tensor.set_data_from_numpy(array)
    forms = [{"binary_data": True}, {"binary_data": False}] if side.is_http else [{}]
    for form in forms:
        result = side.client.infer("numbers", [tensor], outputs=[side.module.InferRequestedOutput("y", class_count=2, **form)])
        found = [text if isinstance(text, str) else text.decode() for text in result.as_numpy("y")]
        must(found == ["9:3", "3:0"], found)


def no_classes(side):
    tensor = side.module.InferInput("x", [2], "BYTES")
    tensor.set_data_from_numpy(numpy.array([b"a", b"bc"], dtype=numpy.object_))
    side.client.infer("texts", [tensor], outputs=[side.module.InferRequestedOutput("y", class_count=2)])


def schedule(side):
    same(side.infer(priority=1, timeout=60_000_000))
    side.send(request={"priority": "2", "timeout": "60000000"})


def late(side):
    side.infer(timeout=1)


def sequence(side):
    side.infer(sequence_id=7, sequence_start=True, sequence_end=True)


def no_sequence(side):
    side.send(request={"sequence_id": 0, "sequence_start": False, "sequence_end": False})
    side.send(request={"sequence_id": ""})


def regions(side, kind="system"):
    options = {} if side.is_http else {"as_json": True}
    status = getattr(side.client, f"get_{kind}_shared_memory_status")(**options)
    return status if side.is_http else status.get("regions", {})


class Region:
    """A region that exists for a while."""

    def __init__(self, side, size=1024):
        self.side, self.size = side, size

    def __enter__(self):
        self.handle = shared_memory.create_shared_memory_region("conformance", self.side.key, self.size, create_only=True)
        return self.handle

    def __exit__(self, *_):
        self.side.client.unregister_system_shared_memory()
        shared_memory.destroy_shared_memory_region(self.handle)


def memory_status(side):
    must(len(regions(side)) == 0, "nothing is registered")


def memory_register(side):
    with Region(side):
        side.client.register_system_shared_memory("one", side.key, 256, offset=512)
        entry = regions(side)[0] if side.is_http else regions(side)["one"]
        must((entry["key"], int(entry["offset"]), int(entry["byte_size"])) == (side.key, 512, 256), entry)
        for name, key, size, words in [
            ("one", side.key, 1, "registered already"), ("two", side.key, 4096, "has only"), ("two", "/../x", 1, "no key"),
            ("two", "/daris-nothing", 1, "cannot be opened"),
        ]:
            try:
                side.client.register_system_shared_memory(name, key, size)
                raise Wrong(f"{key}, {size}: registered")
            except InferenceServerException as error:
                must(words in error.message(), error)


def memory_unregister(side):
    with Region(side):
        # Names are any text.
        for name in ("one, % ä", "two", "three"):
            side.client.register_system_shared_memory(name, side.key, 16)
        side.client.unregister_system_shared_memory("one, % ä")
        must(len(regions(side)) == 2, regions(side))
        side.client.unregister_system_shared_memory()
        must(len(regions(side)) == 0, regions(side))


def memory(side):
    with Region(side) as handle:
        shared_memory.set_shared_memory_region(handle, list(ARRAYS.values()))
        side.client.register_system_shared_memory("all", side.key, 1024)
        tensors = side.inputs()
        tensors[0].set_shared_memory("all", 256)
        output = side.module.InferRequestedOutput("sum")
        output.set_shared_memory("all", 256, offset=768)
        other = side.module.InferRequestedOutput("difference")
        # One of each in shared memory, one sent.
        result = side.client.infer("sums", tensors, outputs=[output, other])
        found = shared_memory.get_contents_as_numpy(handle, numpy.float32, [4, 16], offset=768)
        must(numpy.array_equal(found, SUM), "the output is in the region")
        same(result, ARRAYS["a"] - ARRAYS["b"], "difference")
        answer = result.get_output("sum")
        region = (answer["parameters"] if side.is_http else answer.parameters)["shared_memory_region"]
        must((region if side.is_http else region.string_param) == "all", answer)
        must("data" not in answer if side.is_http else result.get_response().raw_output_contents[0] == b"", answer)
        # All of them there.
        tensors[1].set_shared_memory("all", 256, offset=256)
        side.client.infer("sums", tensors, outputs=[output])
        tensors[1].set_shared_memory("all", 256, offset=1000)
        try:
            side.client.infer("sums", tensors, outputs=[output])
            raise Wrong("beyond the region")
        except InferenceServerException as error:
            must("input 'b'" in error.message() and "do not lie in region 'all'" in error.message(), error)
        # An object that its client shrinks is an error for the client, and no more than that.
        tensors[1].set_shared_memory("all", 256, offset=256)
        os.truncate(f"/dev/shm{side.key}", 100)
        try:
            side.client.infer("sums", tensors, outputs=[output])
            raise Wrong("a shrunken object")
        except InferenceServerException as error:
            must("larger than its object" in error.message(), error)
        os.truncate(f"/dev/shm{side.key}", 1024)
    same(side.infer())


def cuda_status(side):
    must(len(regions(side, "cuda")) == 0, "nothing is registered")


def cuda_register(side):
    side.client.register_cuda_shared_memory("one", b"AAAA", 0, 1)


def cuda_unregister(side):
    side.client.unregister_cuda_shared_memory()
    side.client.unregister_cuda_shared_memory("one")


def configuration(side):
    found = side.client.get_model_config("sums", "1", **({} if side.is_http else {"as_json": True}))
    found = found.get("config", found)
    must(found["input"][0]["data_type"] == "TYPE_FP32" and found["name"] == "sums", found)


def index(side):
    found = side.client.get_model_repository_index(**({} if side.is_http else {"as_json": True}))
    models = found if side.is_http else found["models"]
    must({"sums", "texts"} <= {model["name"] for model in models}, found)


def load(side):
    side.client.unload_model("sums")
    must(not side.client.is_model_ready("sums"), "an unloaded model is not ready")
    side.client.load_model("sums")
    must(side.client.is_model_ready("sums"), "a loaded model is ready")


def statistics(side):
    options = {} if side.is_http else {"as_json": True}
    before = side.client.get_inference_statistics("sums", "1", **options)["model_stats"][0]
    side.infer()
    after = side.client.get_inference_statistics("sums", **options)["model_stats"][0]
    must(int(after["inference_count"]) == int(before["inference_count"]) + 1, "an inference more")
    parts = after["inference_stats"]
    counts = {int(parts[name]["count"]) for name in ("success", "queue", "compute_input", "compute_infer", "compute_output")}
    must(counts == {int(after["execution_count"])}, f"equal counts: {after}")
    must(len(side.client.get_inference_statistics(**options)["model_stats"]) >= 3, "of all models")


def trace(side):
    side.client.get_trace_settings()


def logging(side):
    side.client.get_log_settings()


def parameters(side):
    refusals = []
    for owner, words in [("request", "of the request"), ("inputs", "of input 'a'"), ("outputs", "of output 'sum'")]:
        try:
            side.send(**{owner: {"temperature": "hot"}})
            raise Wrong(f"{owner}: taken")
        except (Refused, grpcio.RpcError) as error:
            found = error.message if side.is_http else error.details()
            must(f"parameter 'temperature' {words} is not known" in found, found)
            refusals.append(error)
    raise refusals[0]


def wrong_parameter(side):
    side.send(request={"priority": True})


def final_response(side):
    side.send(request={"triton_enable_empty_final_response": True})


def generate(side):
    try:
        side.http("POST", "v2/models/sums/generate_stream", {"text_input": "a"})
        raise Wrong("taken")
    except Refused as error:
        must(error.status == "400", error)
    side.http("POST", "v2/models/sums/generate", {"text_input": "a"})


def metrics(side):
    must(b"daris_" in side.http("GET", "metrics"), "figures")


def unknown(side):
    if side.is_http:
        side.http("POST", "v2/nothing", {})
    else:
        side.call("Nothing")


# What the sentence of a refusal must have.
NAMES = {
    "no_model": "'nothing'", "wrong_tensor": "is FP32, not INT32", "no_binary": "binary_data", "no_classes": "classification",
    "late": "deadline", "sequence": "sequence_", "cuda_register": "CUDA shared memory", "trace": "trace settings",
    "logging": "log settings", "parameters": "temperature", "wrong_parameter": "priority", "generate": "generate",
    "unknown": "served are",
}


def outcome(side, name):
    """What a row's call comes to: done, or a status with the sentence."""
    try:
        globals()[name](side)
        return YES, ""
    except Refused as error:
        return error.status, error.message
    except InferenceServerException as error:
        status = error.status() or ""
        return status.removeprefix("StatusCode."), error.message()
    except grpcio.RpcError as error:
        return error.code().name, error.details()
    except Exception as error:
        return "wrong", f"{type(error).__name__} {error}"


def make_models(folder):
    save_sums(folder)
    for name, type, shape in [("numbers", TensorProto.INT32, [4]), ("texts", TensorProto.STRING, [2])]:
        save(folder, name, [helper.make_node("Identity", ["x"], ["y"])], [("x", type, shape)], [("y", type, shape)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    parser.add_argument("--table", action="store_true", help="print the table, and do no more")
    arguments = parser.parse_args()
    if not arguments.daris.exists():
        raise SystemExit(f"{arguments.daris} is not there; build it with 'swift build'")
    checks = Checks()
    document = DOCUMENT.read_text()
    checks.that(START + table() + END in document, f"{DOCUMENT} has not the table that --table prints")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_models(folder)
        server = Server(
            [arguments.daris.resolve(), "serve", "--models", folder, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0",
             "--deadline", "20s"])
        try:
            sides = [Side(tritonclient.http, server.http), Side(tritonclient.grpc, server.grpc)]
            for extension, subject, over_http, over_grpc, call in ROWS:
                for side, expected in zip(sides, (over_http, over_grpc)):
                    if expected == NONE:
                        continue
                    status, message = outcome(side, call)
                    what = f"{'HTTP' if side.is_http else 'gRPC'}: {extension}: {subject}"
                    checks.that(status == expected, f"{what}: {expected} expected, not {status} {message}")
                    checks.that(expected == YES or NAMES[call] in message, f"{what}: '{NAMES.get(call)}' in '{message}'")
            kserve = subprocess.run([sys.executable, pathlib.Path(__file__).parent / "kserve-clients.py", server.http, server.grpc])
            checks.that(kserve.returncode == 0, f"kserve-clients.py ended with {kserve.returncode}")
        finally:
            code, _, rest = server.end()
        checks.that(code == 0, f"daris serve ended with {code}: {rest}")
    checks.end("conformance")


if __name__ == "__main__":
    main()
