#!/usr/bin/env python3
"""Reads the metrics of `daris serve` as Prometheus does that knows Triton's.

    python3 Tests/Clients/metrics-clients.py [--daris .build/release/daris]

Checked are Triton's metrics where they are asked for and that they are not there otherwise, refusals by their reasons, and the
listener for metrics alone: what it answers, tokens, and other machines.

It needs the packages of Tests/Clients/requirements.txt, and a built daris with its ONNX Runtime. Without them it says so and
succeeds.
"""

import argparse
import http.client
import json
import os
import pathlib
import subprocess
import tempfile

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import Checks, Server, need, save_sums

need("onnx", "prometheus_client")

from prometheus_client.parser import text_string_to_metric_families

ROOT = pathlib.Path(__file__).resolve().parents[2]
TENSORS = [{"name": name, "datatype": "FP32", "shape": [4, 16], "data": [0.5] * 64} for name in "ab"]
BODY = json.dumps({"inputs": TENSORS})
LATE = json.dumps({"inputs": TENSORS, "parameters": {"timeout": 1}})

SERVE = """
models: {{sums: {{file: {folder}/sums.onnx}}}}
tasks: [{{name: sums, model: sums, rate: 10 Hz, deadline: 2 s, priority: low, arrival: sporadic, instances: 4}}]
serve: {{http: "127.0.0.1:0", grpc: "127.0.0.1:0", {more}}}
"""


def ask(address, method, path, body=None, headers={}):
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def samples(address, headers={}):
    status, text = ask(address, "GET", "/metrics", headers=headers)
    assert status == 200, text
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


def triton(checks, address, metrics):
    for _ in range(5):
        checks.that(ask(address, "POST", "/v2/models/sums/infer", BODY)[0] == 200, "an inference")
    checks.that(ask(address, "POST", "/v2/models/sums/infer", LATE)[0] in (503, 504), "one that is too late")
    checks.that(ask(address, "POST", "/v2/models/sums/infer", "{}")[0] == 400, "one that is wrong")
    ask(address, "POST", "/v2/repository/models/sums/unload")
    checks.that(ask(address, "POST", "/v2/models/sums/infer", BODY)[0] == 503, "one for a model that is not loaded")
    labels = (("model", "sums"), ("version", "1"))
    found = samples(metrics)
    for name, value in [("nv_inference_request_success", 5), ("nv_inference_request_failure", 3), ("nv_inference_count", 5),
                        ("nv_inference_exec_count", 5), ("nv_inference_pending_request_count", 0)]:
        # A client of Prometheus reads a counter under its name without the suffix, or with it.
        value_found = found.get((name, labels), found.get((name + "_total", labels)))
        checks.that(value_found == value, f"{name}: {value_found}")
    whole, queue, compute = (
        found.get((f"nv_inference_{part}_duration_us", labels), found.get((f"nv_inference_{part}_duration_us_total", labels)))
        for part in ("request", "queue", "compute_infer"))
    checks.that(whole and queue is not None and compute and queue + compute <= whole + 5,
                f"durations: {whole} = {queue} + {compute} and more")
    refused = {dict(labels)["reason"]: value for (name, labels), value in found.items() if name == "daris_refusals_total"}
    checks.that(refused["unloaded"] == 1 and len(refused) == 12 and sum(refused.values()) <= 2, f"refusals: {refused}")
    checks.that(found[("daris_requests_waiting", (("model", "sums"),))] == 0, "nothing waits")


def alone(checks, metrics, headers={}):
    for path, wanted in ("/", 404), ("/v2", 404), ("/v2/health/live", 404), ("/v2/models/sums/infer", 404):
        status, _ = ask(metrics, "GET", path, headers=headers)
        checks.that(status == wanted, f"{path} where metrics alone are: {status}")
    checks.that(ask(metrics, "POST", "/metrics", headers=headers)[0] == 405, "metrics are read alone")
    checks.that(ask(metrics, "GET", "/metrics", headers=headers | {"Host": "evil.example"})[0] == 403, "a name that leads here")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    daris = parser.parse_args().daris.resolve()
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_sums(folder)
        (folder / "clients.token").write_text("client\n")

        def server(more):
            (folder / "serve.yaml").write_text(SERVE.format(folder=folder, more=more))
            return Server([daris, "serve", folder / "serve.yaml"])

        running = server('metrics: {triton: true, address: "127.0.0.1:0"}')
        try:
            checks.that(running.metrics is not None, "it is said where metrics alone are")
            triton(checks, running.http, running.metrics)
            alone(checks, running.metrics)
            checks.that("nv_inference_count" in ask(running.http, "GET", "/metrics")[1], "they are with all others, too")
        finally:
            checks.that(running.end()[0] == 0, "it ends with 0")
        running = server(f'metrics: {{address: "127.0.0.1:0"}}, tokens: {{inference: {folder}/clients.token}}')
        try:
            token = {"Authorization": "Bearer client"}
            checks.that(ask(running.metrics, "GET", "/metrics")[0] == 401, "metrics need a token where others do")
            text = ask(running.metrics, "GET", "/metrics", headers=token)[1]
            checks.that("daris_ready 1" in text and "nv_inference" not in text, "Triton's are there if they are asked for")
            alone(checks, running.metrics, token)
        finally:
            running.end()
        (folder / "serve.yaml").write_text(SERVE.format(folder=folder, more='metrics: {address: "0.0.0.0:0"}'))
        done = subprocess.run([daris, "serve", folder / "serve.yaml"], capture_output=True, text=True, timeout=60)
        checks.that(done.returncode == 2 and "without a token" in done.stderr, f"other machines: {done.stderr}")
    checks.end("Metrics")


if __name__ == "__main__":
    main()
