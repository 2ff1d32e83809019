#!/usr/bin/env python3
"""Loads, replaces, fails to load and unloads models under load, beside a client with high priority that must not miss.

    python3 Tests/Clients/repository-load.py [--daris .build/release/daris] [--seconds 60]

A high-priority client asks at a fixed rate, and low-priority clients ask as fast as they are answered. Meanwhile a network is
loaded, replaced, replaced by a file that cannot be loaded, and unloaded, again and again. Checked are that no high-priority request
is late or refused, that no answer is another model's, that what fails to load leaves the former model serving, and that memory
does not grow with the number of loads.

It needs tritonclient[http], onnx and numpy, and a built daris with its ONNX Runtime.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import tempfile
import threading
import time

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import Checks, Server, need, save

need("tritonclient.http", "onnx", "numpy")

import numpy
import tritonclient.http
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLOAT = TensorProto.FLOAT
WIDTH = 512


def save_layers(folder, name, layers, sign=1):
    """A chain of dense layers of the identity, so that the answer is the input times `sign`: work, and a megabyte each."""
    eye = numpy.eye(WIDTH, dtype=numpy.float32)
    weights = [helper.make_tensor(f"w{i}", FLOAT, [WIDTH, WIDTH], (eye * (sign if i == 0 else 1)).ravel())
               for i in range(layers)]
    nodes = [helper.make_node("MatMul", [f"t{i}" if i else "x", f"w{i}"], [f"t{i + 1}" if i + 1 < layers else "y"])
             for i in range(layers)]
    save(folder, name, nodes, [("x", FLOAT, [16, WIDTH])], [("y", FLOAT, [16, WIDTH])], weights)


def save_counting(folder, name):
    save(folder, name, [helper.make_node("NonZero", ["x"], ["y"])], [("x", FLOAT, [16, WIDTH])],
         [("y", TensorProto.INT64, [2, "n"])])


class Asking:
    """A client that asks one model, at a rate or as fast as it is answered."""

    def __init__(self, address, name, rate=None, timeout=None, pause=0):
        self.client = tritonclient.http.InferenceServerClient(address, network_timeout=60, connection_timeout=60)
        self.name, self.rate, self.timeout, self.pause = name, rate, timeout, pause
        self.times, self.errors, self.wrong = [], {}, 0
        # When each answered request was sent, and the sign of its answer.
        self.signs = []
        self.stopping = threading.Event()
        self.tensor = tritonclient.http.InferInput("x", [16, WIDTH], "FP32")
        self.tensor.set_data_from_numpy(numpy.full([16, WIDTH], 3, dtype=numpy.float32))
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        due = time.monotonic()
        while not self.stopping.is_set():
            start = time.monotonic()
            try:
                value = float(self.client.infer(self.name, [self.tensor], timeout=self.timeout).as_numpy("y")[0][0])
                self.times.append(time.monotonic() - start)
                self.signs.append((start, value / 3))
                if abs(value) != 3:
                    self.wrong += 1
            except InferenceServerException as problem:
                self.errors[str(problem)] = self.errors.get(str(problem), 0) + 1
                if not self.rate:
                    time.sleep(0.01)
            if self.rate:
                due += 1 / self.rate
                time.sleep(max(0, due - time.monotonic()))
            elif self.pause:
                time.sleep(self.pause)

    def seen(self, since):
        """The signs of the answers to requests that were sent since then."""
        return {sign for start, sign in list(self.signs) if start >= since}

    def end(self):
        self.stopping.set()
        self.thread.join(timeout=60)


def resident(process):
    """Megabytes of a process's memory."""
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


def main():
    parser = argparse.ArgumentParser(description="Models come and go under load.")
    parser.add_argument("--daris", default=ROOT / ".build/release/daris")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--deadline", type=int, default=250, help="of the high-priority client, in ms")
    parser.add_argument("--idle", action="store_true", help="load nothing, to compare")
    options = parser.parse_args()
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_layers(folder, "high", 4)
        save_layers(folder, "low", 8)
        save_layers(folder, "guest", 16)
        # Made before, since that would keep the clients' threads from running. Each of another size, so that little is taken from the
        # cache.
        stock = folder / "stock"
        stock.mkdir()
        for number in range(6):
            save_layers(stock, f"guest{number}", 16 + number, -1 if number % 2 == 0 else 1)
        save_counting(stock, "counting")

        def put(name):
            shutil.copyfile(stock / f"{name}.onnx", folder / "guest.new")
            os.replace(folder / "guest.new", folder / "guest.onnx")

        (folder / "tasks.yaml").write_text(f"""
partition: {{contexts: 2, streams: 1, express: 1}}
models: {{high: {{file: high.onnx}}, low: {{file: low.onnx}}, guest: {{file: guest.onnx}}}}
tasks:
  - {{name: high, model: high, rate: 20 Hz, deadline: {options.deadline} ms, priority: high, arrival: sporadic}}
  - {{name: low, model: low, rate: 20 Hz, deadline: 5 s, priority: low, arrival: sporadic, instances: 2}}
  - {{name: guest, model: guest, rate: 5 Hz, deadline: 5 s, priority: low, arrival: sporadic, instances: 2}}
serve: {{http: '127.0.0.1:0', grpc: off, repository: {{spare: 2}}}}
""")
        server = Server([options.daris, "serve", folder / "tasks.yaml", "--json"])
        control = tritonclient.http.InferenceServerClient(server.http, network_timeout=300, connection_timeout=300)
        high = Asking(server.http, "high", rate=15)
        low, guest = Asking(server.http, "low"), Asking(server.http, "guest")
        time.sleep(2)
        end = time.monotonic() + options.seconds
        loads, unloads, failures, memory, took = 0, 0, 0, [], []
        sign = 1
        while options.idle and time.monotonic() < end:
            time.sleep(0.1)
        while time.monotonic() < end:
            # In the second half the low-priority clients leave some time of the processors.
            low.pause = guest.pause = 0 if end - time.monotonic() > options.seconds / 2 else 0.02
            sign = -sign
            put(f"guest{loads % 6}")
            start = time.monotonic()
            control.load_model("guest")
            took.append(time.monotonic() - start)
            loads += 1
            loaded = time.monotonic()
            time.sleep(1)
            checks.that(guest.seen(loaded) <= {sign}, f"after a load the new model answers: {guest.seen(loaded)}, not {sign}")
            put("counting")
            try:
                control.load_model("guest")
                checks.that(False, "a model whose output depends on its input is not loaded")
            except InferenceServerException as problem:
                failures += 1
                checks.that("served on" in str(problem), f"the former stays: {problem}")
            time.sleep(0.5)
            checks.that(guest.seen(loaded) <= {sign}, "what fails to load leaves the former model serving")
            guest.signs.clear()
            if loads % 3 == 0:
                control.unload_model("guest")
                unloads += 1
                memory.append(resident(server.process.pid))
        for client in (high, low, guest):
            client.end()
        code, _, _ = server.end()
        server.log.seek(0)
        hp = json.load(server.log)["hp"]
        checks.that(hp["late"] == hp["missed"] == 0, f"by the server's clock {hp['missed']} of {hp['completed']} missed")
        checks.that(code == 0, f"the server ends with {code}")
        # Low priority is refused where it does not fit; an unloaded model takes none.
        expected = {error for error in guest.errors
                    if not any(words in error for words in ["load it first", "late", "no context", "wait for it"])}
        checks.that(not high.errors, f"no high-priority request fails: {high.errors}")
        late = sum(time > options.deadline / 1000 for time in high.times)
        checks.that(late == 0, f"{late} of {len(high.times)} high-priority answers came late")
        checks.that(high.wrong == low.wrong == guest.wrong == 0, "every answer is right")
        checks.that(not expected, f"requests for what comes and goes fail for that alone: {expected}")
        if len(memory) >= 4:
            checks.that(memory[-1] < 1.3 * memory[0] + 30, f"memory does not grow: {memory}")
        times = sorted(high.times)
        if took:
            print(f"loads took {statistics.median(took):.2f} s (median; at most {max(took):.2f})")
        print(f"{loads} loads, {failures} failed ones, "
              f"{unloads} unloads; high priority: {len(times)} answers, median {1e3 * times[len(times) // 2]:.1f} ms, "
              f"99 % {1e3 * times[len(times) * 99 // 100]:.1f} ms, longest {1e3 * times[-1]:.1f} ms; by the server's clock 99 % {hp['response_ms']['p99']:.1f} ms, longest {hp['response_ms']['max']:.1f} ms; "
              f"low: {len(low.times)}, guest: {len(guest.times)}; memory after unloads {[round(m) for m in memory]} MB")
    checks.end("repository under load")


if __name__ == "__main__":
    main()
