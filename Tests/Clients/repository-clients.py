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
import threading
import time
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


def save_large(folder, name, width=3072):
    """A dense layer of 36 MB."""
    weight = helper.make_tensor("w", FLOAT, [width, width], numpy.eye(width, dtype=numpy.float32).tobytes(), raw=True)
    save(folder, name, [helper.make_node("MatMul", ["x", "w"], ["y"])], [("x", FLOAT, [1, width])], [("y", FLOAT, [1, width])],
         [weight])


def resident(process):
    """Megabytes of a process's memory."""
    lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


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


def loads(daris, checks):
    """Models are loaded, replaced, fail to load, and are unloaded, by both protocols, while clients ask."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_factor(folder, "first", 2)
        record = folder / "record.jsonl"
        server = serve(daris, "--models", folder, "--spare", "4", "--record", record)
        clients = Clients(server)
        answers, problems, stop = [], [], threading.Event()

        def keep_asking():
            client = tritonclient.http.InferenceServerClient(server.http)
            while not stop.is_set():
                try:
                    answers.append(ask(client, tritonclient.http, "first"))
                except InferenceServerException as problem:
                    problems.append(str(problem))

        asking = [threading.Thread(target=keep_asking) for _ in range(3)]
        for thread in asking:
            thread.start()
        for number, (protocol, client, module) in enumerate(clients.both()):
            guest = f"guest {number}"
            words = error(lambda: client.load_model(guest))
            checks.that("there is no model" in words, f"{protocol}: what is not there is not loaded: {words}")
            save_factor(folder, guest, 3)
            checks.that("no model" in error(lambda: ask(client, module, guest)), f"{protocol}: a new file is not served yet")
            client.load_model(guest)
            checks.that(ask(client, module, guest) == 3, f"{protocol}: a new file is loaded")
            save_factor(folder, guest, 4)
            checks.that(ask(client, module, guest) == 3, f"{protocol}: a changed file is not served yet")
            client.load_model(guest)
            checks.that(ask(client, module, guest) == 4, f"{protocol}: a changed file is loaded")
            save_counting(folder, guest)
            words = error(lambda: client.load_model(guest))
            checks.that("depends on the input's values" in words and "served on" in words, f"{protocol}: {words}")
            checks.that(ask(client, module, guest) == 4, f"{protocol}: what fails to load leaves the former serving")
            checks.that(clients.index()[(guest, "1")] == ("READY", ""), f"{protocol}: and it is ready")
            client.unload_model(guest, unload_dependents=True)
            checks.that(clients.index()[(guest, "1")] == ("UNAVAILABLE", "unloaded"), f"{protocol}: it is unloaded")
            checks.that(not client.is_model_ready(guest), f"{protocol}: and not ready")
            checks.that("load it first" in error(lambda: ask(client, module, guest)), f"{protocol}: and takes no requests")
            save_factor(folder, guest, 5)
            client.load_model(guest)
            checks.that(ask(client, module, guest) == 5, f"{protocol}: what was unloaded is loaded again")
            config = {"instance_group": [{"count": 2}], "parameters": {
                "priority": {"string_value": "high"}, "deadline_us": {"string_value": "700000"}}}
            client.load_model(guest, config=json.dumps(config))
            told = clients.http.get_model_config(guest)
            checks.that(told["instance_group"][0]["count"] == 2, f"{protocol}: overrides are taken: {told}")
            checks.that(told["parameters"]["priority"]["string_value"] == "high", f"{protocol}: {told}")
            for config, field in [('{"cats": 9}', "'cats'"), ('{"input": [{"name": "z"}]}', "'z'"), ("[]", "JSON"),
                                  ('{"backend": "python"}', "'python'")]:
                words = error(lambda: client.load_model(guest, config=config))
                checks.that(field in words, f"{protocol}: {config} is refused by name: {words}")
            words = error(lambda: client.load_model(guest, config="{}", files={"file:1/model.onnx": b"bytes"}))
            checks.that("file:1/model.onnx" in words, f"{protocol}: files in requests are refused by name: {words}")
            checks.that(ask(client, module, guest) == 5, f"{protocol}: and nothing has changed")
        # Of many loads at a time each is done, or refused with a reason; all places are taken once.
        for number in range(6):
            save_factor(folder, f"many{number}", number)
        outcomes = {}

        def load(number):
            client = tritonclient.http.InferenceServerClient(server.http, network_timeout=60, connection_timeout=60)
            outcomes[number] = error(lambda: client.load_model(f"many{number}"))

        threads = [threading.Thread(target=load, args=[number]) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        good = [number for number, words in outcomes.items() if not words]
        checks.that(len(good) == 2, f"two places were left for six models: {outcomes}")
        checks.that(all("no place is free" in words for words in outcomes.values() if words), f"{outcomes}")
        for number in good:
            checks.that(ask(clients.http, tritonclient.http, f"many{number}") == number, f"many{number} answers")
        clients.http.unload_model(f"many{good[0]}")
        other = next(number for number in range(6) if number not in good)
        clients.grpc.load_model(f"many{other}")
        checks.that(ask(clients.grpc, tritonclient.grpc, f"many{other}") == other, "an unloaded model leaves its place")
        save_factor(folder, "first", 7)
        clients.http.unload_model(f"many{good[1]}")
        answers.clear()
        clients.http.load_model("first")
        time.sleep(0.2)
        stop.set()
        for thread in asking:
            thread.join()
        checks.that(not problems, f"no request fails while models come and go: {problems[:3]}")
        swap = answers.index(7.0)
        checks.that(set(answers[swap + 3:]) == {7.0}, "from the swap on only the new version answers new requests")
        save_large(folder, "large")
        before = resident(server.process.pid)
        clients.http.load_model("large")
        loaded = resident(server.process.pid)
        clients.http.unload_model("large")
        after = resident(server.process.pid)
        checks.that(loaded > before + 30, f"a model of 36 MB takes them: {before:.0f} MB, then {loaded:.0f}")
        checks.that(after < loaded - 30, f"unloaded, it gives them back: {loaded:.0f} MB, then {after:.0f}")
        tasks = pathlib.Path(f"/proc/{server.process.pid}/task")
        below = {(thread / "comm").read_text().strip() for thread in tasks.iterdir()
                 if os.sched_getscheduler(int(thread.name)) != os.SCHED_OTHER}
        # Those that read low-priority requests stay.
        below = {name for name in below if not name.startswith("daris-code.l")}
        checks.that(not below, f"no thread that makes way is left behind: {below}")
        metrics = fetch(server.http, "/metrics")[1]
        lines = [line.rpartition(" ")[0] for line in metrics.splitlines() if line and not line.startswith("#")]
        checks.that(len(lines) == len(set(lines)), "each series of the metrics is there once")
        checks.that('task="guest 0"' in metrics and 'task=""' not in metrics, "what came is in the metrics")
        code, _, log = server.end()
        checks.that(code == 0, f"the server ends well: {code}\n{log}")
        checks.that("model 'guest 0': loaded" in log and "model 'first': replaced" in log, "the log tells what was done")
        checks.that(record.exists() and '"n":"task"' in record.read_text(), "the record has the tasks that came")


def polls(daris, checks):
    """Files that are new, change and go are found; one that is being written is not loaded."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_factor(folder, "first", 2)
        server = serve(daris, "--models", folder, "--poll", "300ms")
        clients = Clients(server)

        def soon(condition, what):
            end = time.monotonic() + 30
            while time.monotonic() < end:
                if condition():
                    return checks.that(True, what)
                time.sleep(0.05)
            checks.that(False, f"{what}: {clients.index()}")

        def answer(model):
            try:
                return ask(clients.http, tritonclient.http, model)
            except InferenceServerException:
                return None

        def state(model):
            return clients.index().get((model, "1"))

        save_factor(folder, "second", 3)
        soon(lambda: answer("second") == 3, "a new file is served")
        save_factor(folder, "second", 4)
        soon(lambda: answer("second") == 4, "a changed file is served")
        with tempfile.TemporaryDirectory() as other:
            save_factor(pathlib.Path(other), "third", 5)
            whole = (pathlib.Path(other) / "third.onnx").read_bytes()
        with open(folder / "third.onnx", "wb") as file:
            for part in range(12):
                file.write(whole[part * len(whole) // 12:(part + 1) * len(whole) // 12])
                file.flush()
                checks.that(state("third") is None, f"a half-written file is let be: {state('third')}")
                time.sleep(0.15)
        soon(lambda: answer("third") == 5, "a file that was written slowly is served in the end")
        (folder / "second.onnx").write_bytes(b"broken")
        time.sleep(1.5)
        checks.that(answer("second") == 4, "a broken file leaves the former model serving")
        (folder / "second.onnx").unlink()
        soon(lambda: state("second") is None, "a model whose file is gone is unloaded")
        save_factor(folder, "second", 6)
        soon(lambda: answer("second") == 6, "and served when it is back")
        clients.http.unload_model("second")
        time.sleep(1)
        checks.that(state("second") == ("UNAVAILABLE", "unloaded"), "what an operator has unloaded stays so")
        code, _, log = server.end()
        checks.that(code == 0, f"the server ends well: {code}\n{log}")
        checks.that(log.count("is not loaded") == 1, f"a failing file is tried once: {log}")


def task_sets(daris, checks):
    """A task set's models are unloaded and loaded; replaced with a spare place; worker processes say that they cannot."""
    for isolation, spare in [("none", 0), ("none", 1), ("process", 1)]:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            save_factor(folder, "net", 2)
            tasks = folder / "tasks.yaml"
            tasks.write_text(f"""
partition: {{contexts: 1, streams: 1}}
isolation: {isolation}
models: {{net: {{file: net.onnx}}}}
tasks:
  - {{name: high, model: net, rate: 1 Hz, deadline: 20 s, priority: high, arrival: sporadic}}
  - {{name: low, model: net, rate: 1 Hz, deadline: 20 s, priority: low, arrival: sporadic}}
serve: {{repository: {{spare: {spare}}}}}
""")
            server = Server([daris, "serve", tasks, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"])
            clients, module = Clients(server), tritonclient.http
            case = f"isolation {isolation}, {spare} spare"
            clients.http.unload_model("low")
            checks.that("load it first" in error(lambda: ask(clients.http, module, "low")), f"{case}: unloaded")
            clients.http.load_model("low")
            checks.that(ask(clients.http, module, "low") == 2, f"{case}: loaded again")
            save_factor(folder, "net", 3)
            words = error(lambda: clients.http.load_model("high"))
            if isolation == "process":
                checks.that("worker processes" in words, f"{case}: refused: {words}")
            elif spare == 0:
                checks.that("no place is free" in words and "spare" in words, f"{case}: refused: {words}")
                clients.http.unload_model("high")
                clients.http.load_model("high")
            checks.that(ask(clients.http, module, "high") == (2 if isolation == "process" else 3), f"{case}: replaced")
            checks.that(ask(clients.http, module, "low") == 2, f"{case}: the other task is as it was")
            code, _, log = server.end()
            checks.that(code == 0, f"{case}: the server ends well: {code}\n{log}")


def repositories(daris, checks):
    """Triton's layout: versions, policies, configurations."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)

        def version(model, number, factor, file="model"):
            (folder / model / str(number)).mkdir(parents=True, exist_ok=True)
            save_factor(folder / model / str(number), file, factor)

        def configure(model, text):
            (folder / model).mkdir(exist_ok=True)
            (folder / model / "config.pbtxt").write_text(text)

        version("plain", 1, 2)
        version("plain", 3, 6)
        version("all", 1, 2)
        version("all", 2, 4)
        configure("all", """
name: "all"
platform: "onnxruntime_onnx"
input [ { name: "x" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ -1 ] } ]
instance_group [ { count: 2 kind: KIND_CPU } ]
version_policy: { all { } }
dynamic_batching {
  priority_levels: 2
  default_priority_level: 1
  default_queue_policy { default_timeout_microseconds: 5000000 }
}
optimization { graph { level: 1 } }
model_warmup [ { name: "w" } ]
ensemble_scheduling { step [ ] }
""")
        version("wrong", 1, 2)
        configure("wrong", 'input [ { name: "image" } ]')
        version("python", 1, 2)
        configure("python", 'backend: "python"')
        version("syntax", 1, 2)
        configure("syntax", 'name: "syntax"\ninput [ {')
        configure("empty", 'name: "empty"')
        server = Server([daris, "serve", "--repository", folder, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0",
                         "--deadline", "20s"])
        clients = Clients(server)
        index = clients.index()
        ready = {key for key, (state, _) in index.items() if state == "READY"}
        checks.that(ready == {("plain", "3"), ("all", "1"), ("all", "2")}, f"the versions by policy are ready: {index}")
        for model, words in [("wrong", "'image'"), ("python", "'python'"), ("syntax", "line 2"), ("empty", "no version")]:
            reason = next(reason for (name, _), (_, reason) in index.items() if name == model)
            checks.that(words in reason, f"{model}: {reason}")
        for protocol, client, module in clients.both():
            checks.that(ask(client, module, "plain") == 6, f"{protocol}: the latest is served")
            checks.that(ask(client, module, "all") == 4, f"{protocol}: and is the default")
            checks.that(ask(client, module, "all", version="1") == 2, f"{protocol}: a version by its number")
            checks.that(client.is_model_ready("all", "2"), f"{protocol}: ready in a version")
            words = error(lambda: ask(client, module, "plain", version="1"))
            checks.that("has version 3" in words, f"{protocol}: a version that is not served: {words}")
            checks.that("'image'" in error(lambda: ask(client, module, "wrong")), f"{protocol}: the reason")
        config = clients.http.get_model_config("all", "1")
        checks.that(config["instance_group"][0]["count"] == 2, f"{config}")
        checks.that(config["parameters"] == {"priority": {"string_value": "high"}, "deadline_us": {"string_value": "5000000"}},
                    f"{config}")
        version("plain", 4, 8)
        clients.http.load_model("plain")
        checks.that(ask(clients.http, tritonclient.http, "plain") == 8, "a new version is loaded and the default")
        checks.that(("plain", "3") not in clients.index(), "and the former is not what the policy picks")
        configure("plain", "version_policy { all { } }")
        clients.grpc.load_model("plain")
        versions = sorted(version for name, version in clients.index() if name == "plain")
        checks.that(versions == ["1", "3", "4"], f"all versions now: {versions}")
        checks.that([ask(clients.grpc, tritonclient.grpc, "plain", version=v) for v in versions] == [2, 6, 8], "each answers")
        clients.http.unload_model("plain")
        states = {state for (name, _), (state, _) in clients.index().items() if name == "plain"}
        checks.that(states == {"UNAVAILABLE"}, f"all versions are unloaded: {states}")
        code, _, log = server.end()
        checks.that(code == 0, f"the server ends well: {code}\n{log}")
    return log


def main():
    parser = argparse.ArgumentParser(description="Models that come and go, as clients see them.")
    parser.add_argument("--daris", default=ROOT / ".build/release/daris")
    daris = parser.parse_args().daris
    checks = Checks()
    bad_models(daris, checks)
    bad_task_set(daris, checks)
    loads(daris, checks)
    polls(daris, checks)
    task_sets(daris, checks)
    repositories(daris, checks)
    checks.end("repository clients")


if __name__ == "__main__":
    main()
