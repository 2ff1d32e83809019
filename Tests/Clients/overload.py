#!/usr/bin/env python3
"""Overloads `daris serve` with twice the requests that it can answer, a fifth of them of high priority.

    python3 Tests/Clients/overload.py [--daris .build/release/daris] [--minutes 10] [--express 0]

What ResNet18 can do on this machine is measured first by a closed loop of `daris load`. Then two of them send at random
times, each with deadlines: high priority 20 %, low priority 80 % of twice that rate. Checked are that high-priority requests
are answered in time (99 %), that low-priority ones are answered in time or refused, how long a refusal takes, that every
request has an answer, and that the server's memory does not grow.

Times depend on the machine, so this is no part of `make test`. It needs a built daris with its ONNX Runtime, nothing else.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import threading
import time

from common import Checks, Server

ROOT = pathlib.Path(__file__).resolve().parents[2]

SET = """
partition: {contexts: 2, streams: 1, oversubscription: 1EXPRESS}
models: {net: {builtin: resnet18, stages: 4}}
tasks:
  - {name: first, model: net, rate: 6 Hz, deadline: 500 ms, priority: high, arrival: sporadic, instances: 2}
  - {name: later, model: net, rate: 2 Hz, deadline: 1 s, priority: low, arrival: sporadic, late: drop, instances: 6}
serve: {http: "127.0.0.1:0", grpc: off}
"""


def load(daris, server, *options):
    command = [daris, "load", f"http://{server}", "--json", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def result(process):
    return json.loads(process.communicate()[0])


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    parser.add_argument("--minutes", default=10, type=float)
    parser.add_argument("--express", type=int, help="express lanes of each context, if not as many as by default")
    arguments = parser.parse_args()
    daris = arguments.daris.resolve()
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name) / "overload.yaml"
        path.write_text(SET.replace("EXPRESS", "" if arguments.express is None else f", express: {arguments.express}"))
        server = Server([daris, "serve", path])
        closed = result(load(daris, server.http, "--model", "later", "--concurrency", "4", "--duration", "10s"))
        capacity = closed["answers_per_second"]
        print(f"closed loop: {capacity:.1f} answers a second", flush=True)
        seconds = arguments.minutes * 60
        clients = [
            load(daris, server.http, "--model", model, "--rate", f"{2 * capacity * share:.3f}", "--poisson",
                 "--deadline", deadline, "--duration", f"{seconds}s", "--seed", seed)
            for model, share, deadline, seed in (("first", 0.2, "500ms", "1"), ("later", 0.8, "1s", "2"))
        ]
        samples = []
        stop = threading.Event()

        def watch():
            start = time.monotonic()
            while not stop.wait(1):
                samples.append((time.monotonic() - start, resident(server.process.pid)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        high, low = (result(client) for client in clients)
        stop.set()
        watcher.join()
        code, _, rest = server.end()
    checks = Checks()
    for label, figures in (("HP", high), ("LP", low)):
        print(
            f"{label}: {figures['sent']} sent, {figures['in_time']} in time, {figures['late']} late, "
            f"{figures['too_late']} given up, {figures['refused']} refused, {figures['failed']} failed; answers "
            f"{figures['response_ms']['mean']:.1f} ms on average, {figures['response_ms']['p99']:.1f} at the 99th percentile; "
            f"refusals {figures['refusal_ms']['p50']:.2f} / {figures['refusal_ms']['p99']:.2f} / "
            f"{figures['refusal_ms']['max']:.2f} ms (median, 99th percentile, longest)")
    steady = samples[len(samples) // 5:]
    growth = slope(steady)
    print(f"memory: {steady[0][1]:.1f} to {steady[-1][1]:.1f} MiB, {growth:+.3f} MiB a minute")
    checks.that(high["in_time"] >= 0.99 * high["sent"], "99 % of HP requests are answered in time")
    missed = low["late"] + low["too_late"]
    checks.that(missed <= 0.02 * max(1, low["in_time"] + missed), f"LP requests taken on miss under 2 %: {low['dmr']:.4f}")
    checks.that(low["refusal_ms"]["p99"] <= 5, "99 % of refusals take at most 5 ms")
    checks.that(low["refused"] > 0, "some LP requests are refused")
    for figures in (high, low):
        checks.that(figures["answered"] == figures["sent"] and figures["failed"] == 0, "every request is answered")
    checks.that(abs(growth) < 1, "memory is flat")
    checks.that(code == 0, f"daris serve ended with {code}: {rest[-300:]}")
    checks.end("Overload")


if __name__ == "__main__":
    main()
