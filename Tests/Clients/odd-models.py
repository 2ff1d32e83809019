#!/usr/bin/env python3
"""Serves models whose operators keep, append, replace in place or trap, and asks them with inputs that change.

    python3 Tests/Clients/odd-models.py [--daris .build/release/daris]

Each model is served whole and cut, in one process and in worker processes. Checked are that every answer is what ONNX Runtime
answers to the same inputs alone, whoever asked before; and that an operator that traps on the inputs of one client takes a
worker, not the server, and fails that request with the reason.

It needs tritonclient[http], onnx, onnxruntime and numpy, and a built daris with its ONNX Runtime. Without the packages it says
so and succeeds; without daris it fails.
"""

import argparse
import os
import pathlib
import platform
import tempfile
import time

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import Checks, Server, need, save

need("tritonclient.http", "onnx", "onnxruntime", "numpy")

import numpy
import onnxruntime
import tritonclient.http
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLOAT, INT64, STRING, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING, TensorProto.BOOL


def text(*words):
    return numpy.array(words, dtype=object)


def floats(seed, *shape):
    return numpy.random.default_rng(seed).normal(size=shape).astype(numpy.float32)


def weights(name, seed, *shape):
    return helper.make_tensor(name, FLOAT, shape, floats(seed, *shape).ravel())


def numbers(name, *values):
    return helper.make_tensor(name, INT64, [len(values)], values)


def loop_body():
    """One turn of a loop: the state grows by the input, and is shown."""
    values = [helper.make_tensor_value_info(*value) for value in [
        ("turn", INT64, []), ("more", BOOL, []), ("state", FLOAT, [3]), ("same", BOOL, []), ("next", FLOAT, [3]),
        ("seen", FLOAT, [3])]]
    nodes = [
        helper.make_node("Identity", ["more"], ["same"]), helper.make_node("Add", ["state", "x"], ["next"]),
        helper.make_node("Mul", ["next", "next"], ["seen"])]
    return helper.make_graph(nodes, "turn", values[:3], values[3:])


def scan_body():
    values = [helper.make_tensor_value_info(name, FLOAT, [3]) for name in ["sum", "row", "added", "shown"]]
    nodes = [
        helper.make_node("Add", ["sum", "row"], ["added"]), helper.make_node("Identity", ["added"], ["shown"])]
    return helper.make_graph(nodes, "row", values[:2], values[2:])


def branch(operator):
    value = helper.make_tensor_value_info(f"out{operator}", FLOAT, [3])
    return helper.make_graph([helper.make_node(operator, ["x", "x"], [f"out{operator}"])], operator, [], [value])


def models():
    """Name, nodes, inputs, outputs, weights and rounds of inputs of each model; each has two nodes at least."""
    words = [["1", "one", ""], ["2", "größer", "a"], ["", "", "b"], ["4", "x" * 300, ""]]
    pairs = [{"a": text(*a), "b": text(*b)} for a, b in zip(words, [["alice!"] * 3, ["bob!"] * 3, ["", "c", ""], ["d"] * 3])]
    a, b, y, z = (("a", STRING, [3]), ("b", STRING, [3]), ("y", STRING, [3]), ("z", STRING, [3]))
    node = helper.make_node
    yield "concat", [node("StringConcat", ["a", "b"], ["y"]), node("StringConcat", ["y", "b"], ["z"])], [a, b], [y, z], [], pairs
    yield ("words", [node("Identity", ["a"], ["y"]), node("Concat", ["y", "b"], ["z"], axis=0)],
           [a, b], [y, ("z", STRING, [6])], [], pairs)
    yield ("pick", [node("Where", ["c", "a", "b"], ["y"]), node("Gather", ["y", "at"], ["z"])],
           [("c", BOOL, [3]), a, b], [y, z], [numbers("at", 2, 0, 0)],
           [pair | {"c": numpy.array([index % 2 == 0, True, index > 1])} for index, pair in enumerate(pairs)])
    yield ("written", [node("Cast", ["x"], ["t"], to=STRING), node("StringConcat", ["t", "b"], ["y"]),
                       node("Cast", ["t"], ["n"], to=FLOAT)],
           [("x", FLOAT, [3]), b], [y, ("n", FLOAT, [3])], [],
           [{"x": floats(index, 3), "b": pair["b"]} for index, pair in enumerate(pairs)])
    yield ("replaced", [node("ScatterElements", ["a", "at", "b"], ["y"]), node("StringConcat", ["y", "a"], ["z"])],
           [a, ("at", INT64, [1]), ("b", STRING, [1])], [y, z], [],
           [{"a": pair["a"], "at": numpy.array([index % 3]), "b": pair["b"][:1]} for index, pair in enumerate(pairs)])
    x = ("x", FLOAT, [3])
    some = [{"x": floats(index, 3)} for index in range(4)]
    yield ("in-place", [node("Relu", ["x"], ["r"]), node("Add", ["r", "x"], ["s"]),
                        node("ScatterND", ["s", "at", "with"], ["y"], reduction="add"), node("Sub", ["y", "x"], ["z"])],
           [x], [("y", FLOAT, [3]), ("z", FLOAT, [3])],
           [helper.make_tensor("at", INT64, [1, 1], [1]), weights("with", 1, 1)], some)
    yield ("loop", [node("Identity", ["x"], ["start"]), node("Loop", ["turns", "", "start"], ["y", "z"], body=loop_body())],
           [x], [("y", FLOAT, [3]), ("z", FLOAT, [4, 3])], [helper.make_tensor("turns", INT64, [], [4])], some)
    yield ("scan", [node("Neg", ["x"], ["n"]), node("Scan", ["n", "rows"], ["y", "z"], num_scan_inputs=1, body=scan_body())],
           [x], [("y", FLOAT, [3]), ("z", FLOAT, [2, 3])], [weights("rows", 2, 2, 3)], some)
    yield ("branch", [node("ReduceSum", ["x"], ["s"], keepdims=0), node("Greater", ["s", "zero"], ["c"]),
                      node("If", ["c"], ["y"], then_branch=branch("Add"), else_branch=branch("Mul"))],
           [x], [("y", FLOAT, [3])], [helper.make_tensor("zero", FLOAT, [], [0])], some)
    yield ("memory", [node("LSTM", ["x", "w", "r", "", "lengths"], ["y", "h", "c"], hidden_size=2), node("Neg", ["h"], ["z"])],
           [("x", FLOAT, [3, 2, 2]), ("lengths", TensorProto.INT32, [2])],
           [("y", FLOAT, [3, 1, 2, 2]), ("z", FLOAT, [1, 2, 2])], [weights("w", 3, 1, 8, 2), weights("r", 4, 1, 8, 2)],
           [{"x": floats(index, 3, 2, 2), "lengths": numpy.array(length, dtype=numpy.int32)}
            for index, length in enumerate([[3, 3], [1, 2], [3, 1], [1, 1]])])


def save_traps(folder):
    """The least integer divided by 2x + 1: for -1 the quotient is beyond the largest, and processors trap."""
    node = helper.make_node
    save(folder, "traps",
         [node("Mul", ["x", "two"], ["t"]), node("Add", ["t", "one"], ["d"]), node("Div", ["least", "d"], ["y"])],
         [("x", INT64, [1])], [("y", INT64, [1])], [numbers("two", 2), numbers("one", 1), numbers("least", -2**63)])


def ask(client, name, feeds):
    inputs = []
    for key, value in feeds.items():
        tensor = tritonclient.http.InferInput(key, list(value.shape), np_to_triton_dtype(value.dtype))
        tensor.set_data_from_numpy(value)
        inputs.append(tensor)
    return client.infer(name, inputs)


def same(found, wanted):
    if wanted.dtype == object:
        return [word.decode() for word in found.ravel()] == list(wanted.ravel())
    return found.shape == wanted.shape and numpy.allclose(found, wanted, rtol=1e-6, atol=1e-6)


def task_set(folder, names, isolation):
    lines = ["partition: {contexts: 1, streams: 1}", f"isolation: {isolation}", "models:"]
    for name in names:
        for stages in (1, 2):
            lines.append(f"  {name}-{stages}: {{file: {folder}/{name}.onnx, stages: {stages}}}")
    lines.append("tasks:")
    for name in names:
        for stages in (1, 2):
            lines.append(f"  - {{name: {name}-{stages}, model: {name}-{stages}, rate: 1 Hz, deadline: 60 s, priority: low, "
                         "arrival: sporadic}")
    lines += ["serve: {http: '127.0.0.1:0', grpc: off}"]
    return "\n".join(lines) + "\n"


def changing(checks, client, folder, served, isolation):
    """Asks each model, whole and cut, with inputs that change, and twice with the same."""
    for name, rounds in served.items():
        session = onnxruntime.InferenceSession(folder / f"{name}.onnx")
        names = [output.name for output in session.get_outputs()]
        for stages in (1, 2):
            for number, feeds in enumerate([*rounds, *rounds[:1], rounds[0]]):
                answer = ask(client, f"{name}-{stages}", feeds)
                for output, wanted in zip(names, session.run(None, feeds)):
                    found = answer.as_numpy(output)
                    checks.that(same(found, wanted), f"isolation {isolation}, {name} in {stages} stages, round {number}: "
                                f"{output} is {found}, not {wanted}")


def trapping(checks, server, client):
    """One client's input traps; the others are answered, by the same server."""
    for stages in (1, 2):
        name = f"traps-{stages}"
        before = ask(client, name, {"x": numpy.array([7])}).as_numpy("y")
        try:
            ask(client, name, {"x": numpy.array([-1])})
            checks.that(False, f"{name}: a quotient that there is not is answered")
        except InferenceServerException as error:
            checks.that("killed by signal 8" in error.message(), f"{name}: the reason is given: {error}")
        checks.that(server.process.poll() is None, f"{name}: the server lives")
        after, end = None, time.monotonic() + 60
        while after is None and time.monotonic() < end:
            try:
                after = ask(client, name, {"x": numpy.array([7])}).as_numpy("y")
            except InferenceServerException as error:
                # Its context comes back within moments; until then it says so.
                checks.that("lost" in error.message() or "signal" in error.message(), f"{name}: {error}")
                time.sleep(0.05)
        checks.that(after is not None and numpy.array_equal(before, after), f"{name}: the next request is answered")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    arguments = parser.parse_args()
    if not arguments.daris.exists():
        raise SystemExit(f"{arguments.daris} is not there; build it with 'swift build'")
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        served = {}
        for name, nodes, inputs, outputs, constants, rounds in models():
            save(folder, name, nodes, inputs, outputs, constants, opset=20)
            served[name] = rounds
        save_traps(folder)
        for isolation in ("none", "process"):
            names = [*served, "traps"] if isolation == "process" else [*served]
            (folder / "set.yaml").write_text(task_set(folder, names, isolation))
            server = Server([arguments.daris.resolve(), "serve", folder / "set.yaml"])
            try:
                client = tritonclient.http.InferenceServerClient(server.http, network_timeout=60)
                changing(checks, client, folder, served, isolation)
                # Other processors than Intel's and AMD's divide on.
                if isolation == "process" and platform.machine() == "x86_64":
                    trapping(checks, server, client)
                code, _, rest = server.end()
                checks.that(code == 0, f"daris serve ended with {code}: {rest[-500:]}")
            finally:
                server.process.kill()
                server.process.wait()
    checks.end("Odd models")


if __name__ == "__main__":
    main()
