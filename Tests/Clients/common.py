"""What the tests with clients share: a server to talk to, models to serve, and checks that are counted."""

import importlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time


def need(*packages):
    """Ends the script, with success, where a package is missing."""
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError:
            print(f"skipped: {package} is not installed")
            sys.exit(0)


class Server:
    def __init__(self, command, stdout=None):
        self.log = stdout or tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=self.log, text=True)
        # Where metrics alone are, if they are anywhere.
        self.metrics = None
        for line in self.process.stderr:
            if found := re.search(r"metrics: http://([^\s/]+)/metrics", line):
                self.metrics = found[1]
            found = re.search(r"ready: http://([^\s,]+)(?:, grpc://(\S+))?", line)
            if found:
                self.http, self.grpc = found.groups()
                break
        else:
            raise SystemExit(f"daris serve ended with {self.process.wait()} before it was ready")
        # Read on, or lines are lost.
        self.rest = []
        self.reader = threading.Thread(target=lambda: self.rest.extend(self.process.stderr), daemon=True)
        self.reader.start()

    def end(self):
        """Has the server end: its exit code, the seconds it took, and its log."""
        self.process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        code = self.process.wait(timeout=120)
        elapsed = time.monotonic() - start
        self.reader.join(timeout=10)
        return code, elapsed, "".join(self.rest)


class Checks:
    def __init__(self):
        self.count = 0
        self.failures = []

    def that(self, condition, what):
        self.count += 1
        if not condition:
            self.failures.append(what)
            print(f"FAILED: {what}")

    def end(self, name):
        """Says how the checks went; a failure ends the script."""
        if self.failures:
            raise SystemExit(f"{name}: {len(self.failures)} of {self.count} checks failed")
        print(f"{name}: {self.count} checks passed")


def save(folder, name, nodes, inputs, outputs, weights=(), opset=17):
    """Writes a model; inputs and outputs are (name, type, shape), weights are tensors."""
    import onnx
    from onnx import helper

    def values(tensors):
        return [helper.make_tensor_value_info(tensor, type, shape) for tensor, type, shape in tensors]

    graph = helper.make_graph(nodes, name, values(inputs), values(outputs), list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset < 20 else 9)
    onnx.checker.check_model(model)
    onnx.save(model, folder / f"{name}.onnx")


def save_sums(folder):
    """A model with two inputs and two outputs: their sum and their difference."""
    from onnx import TensorProto, helper

    save(
        folder, "sums",
        [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Sub", ["a", "b"], ["difference"])],
        [("a", TensorProto.FLOAT, [4, 16]), ("b", TensorProto.FLOAT, [4, 16])],
        [("sum", TensorProto.FLOAT, [4, 16]), ("difference", TensorProto.FLOAT, [4, 16])])
