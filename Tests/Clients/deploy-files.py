#!/usr/bin/env python3
"""Reads the files of deploy/ as Kubernetes and KServe do, and starts `daris serve` as they would.

    python3 Tests/Clients/deploy-files.py [--daris .build/release/daris]

Checked are that each document has no key that its kind does not know and all that it needs, by the classes of the packages
kubernetes and kserve where they are installed; that probes ask for what there is, and the grace period is longer than the
drain; and that a server starts, answers and fills its cache as a user with a number alone, without a home, and with nothing
but its cache to write to.

It needs a built daris with its ONNX Runtime, and PyYAML.
"""

import argparse
import http.client
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import types

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import Checks, Server, need

need("yaml")

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float)}


def models(package):
    """The classes of a package by name, read without what the package needs besides; None where it is not installed."""
    if not (found := importlib.util.find_spec(package)):
        print(f"note: {package} is not installed; its classes are not asked")
        return None
    if package == "kserve":
        module = types.ModuleType(package)
        module.__path__ = list(found.submodule_search_locations)
        sys.modules[package] = module
        return importlib.import_module("kserve.models")
    # Its classes are found as they are asked for.
    return importlib.import_module(f"{package}.client")


def complaints(value, kind, classes, place):
    """What is wrong with a value that is to be of a kind, as the classes have it."""
    if list_ := re.fullmatch(r"[Ll]ist\[(.*)\]", kind):
        if not isinstance(value, list):
            return [f"{place} is {value!r}, not a list"]
        return [text for index, item in enumerate(value)
                for text in complaints(item, list_[1], classes, f"{place}[{index}]")]
    if map_ := re.fullmatch(r"dict\(str, (.*)\)|[Dd]ict\[str, (.*)\]", kind):
        return [text for key, item in value.items()
                for text in complaints(item, map_[1] or map_[2], classes, f"{place}.{key}")]
    if kind in PLAIN:
        return [] if isinstance(value, PLAIN[kind]) else [f"{place} is {value!r}, not {kind}"]
    class_ = next((getattr(module, kind) for module in classes if hasattr(module, kind)), None)
    if class_ is None or not hasattr(class_, "attribute_map"):
        return []
    if not isinstance(value, dict):
        return [f"{place} is {value!r}, not {kind}"]
    names = {json: name for name, json in class_.attribute_map.items()}
    found = [f"{place} has no {key}" for key in value if key not in names]
    try:
        class_(**{names[key]: item for key, item in value.items() if key in names})
    except (ValueError, TypeError) as error:
        found.append(f"{place}: {error}")
    for key, item in value.items():
        if key in names:
            found += complaints(item, class_.openapi_types[names[key]], classes, f"{place}.{key}")
    return found


def documents(checks):
    kubernetes, kserve = models("kubernetes"), models("kserve")
    kinds = {
        "ConfigMap": ("V1ConfigMap", kubernetes), "PersistentVolumeClaim": ("V1PersistentVolumeClaim", kubernetes),
        "Deployment": ("V1Deployment", kubernetes), "Service": ("V1Service", kubernetes),
        "ServingRuntime": ("V1alpha1ServingRuntime", kserve), "InferenceService": ("V1beta1InferenceService", kserve),
    }
    found = {}
    for file in "kubernetes.yaml", "kserve.yaml":
        for document in yaml.safe_load_all((ROOT / "deploy" / file).read_text()):
            kind, classes = kinds[document["kind"]]
            found[document["kind"]] = document
            if classes:
                known = [module for module in (classes, kubernetes) if module]
                wrong = complaints(document, kind, known, document["kind"])
                checks.that(not wrong, f"{file}: {wrong}")
    if kubernetes:
        nonsense = complaints(
            {"name": "x", "livenessProbe": {"periodSecs": 1}, "args": "x", "ports": [{"name": "x"}]}, "V1Container",
            [kubernetes], "x")
        checks.that(len(nonsense) >= 3, f"what is wrong is seen: {nonsense}")
    pods = [found["Deployment"]["spec"]["template"]["spec"], found["ServingRuntime"]["spec"]]
    for pod in pods:
        container = pod["containers"][0]
        for probe, path in ("startupProbe", "ready"), ("readinessProbe", "ready"), ("livenessProbe", "live"):
            checks.that(container[probe]["httpGet"]["path"] == f"/v2/health/{path}", f"{container['name']}: {probe}")
        user = container["securityContext"].get("runAsUser") or pod["securityContext"]["runAsUser"]
        checks.that(user > 0 and container["securityContext"]["readOnlyRootFilesystem"], f"{container['name']}: user")
        checks.that({"name": "XDG_CACHE_HOME", "value": "/cache"} in container["env"], f"{container['name']}: a cache")
        mounts = {mount["name"] for mount in container["volumeMounts"]}
        checks.that(mounts == {volume["name"] for volume in pod["volumes"]}, f"{container['name']}: volumes {mounts}")
        checks.that(container["resources"]["limits"] == container["resources"]["requests"], f"{container['name']}: limits")
    serve = yaml.safe_load(found["ConfigMap"]["data"]["serve.yaml"])["serve"]
    drain = sum(int(text.split()[0]) for text in (serve["drain"]["delay"], serve["limits"]["drain"]))
    checks.that(drain + 5 <= pods[0]["terminationGracePeriodSeconds"], f"a drain of {drain} s has its time")
    return found["ConfigMap"]["data"]["serve.yaml"]


def start(checks, daris, folder, text):
    """The task set of the file, with a built-in network, by a user without name and home."""
    (folder / "token").write_text("client\n")
    text = text.replace("{file: /models/classify.onnx}", "{builtin: resnet18}").replace("rate: 20 Hz", "rate: 1 Hz")
    text = text.replace("deadline: 100 ms", "deadline: 900 ms").replace("/tokens/inference", str(folder / "token"))
    (folder / "serve.yaml").write_text(re.sub(r"0\.0\.0\.0:80\d\d", "127.0.0.1:0", text).replace("delay: 5 s", "delay: 1 s"))
    cache = folder / "cache"
    cache.mkdir()
    # As a volume with a group of its own is.
    cache.chmod(0o2777)
    folder.chmod(0o755)
    runtime = os.environ.get("DARIS_ONNXRUNTIME", ROOT / "runtime/libonnxruntime.so")
    prefix = ["setpriv", "--reuid", "10001", "--regid", "10001", "--clear-groups"] if os.getuid() == 0 else []
    server = Server(["env", "-i", f"XDG_CACHE_HOME={cache}", f"DARIS_ONNXRUNTIME={runtime}", "PATH=/usr/bin:/bin",
                     *prefix, daris, "serve", folder / "serve.yaml"])
    try:
        for address, path, headers in [(server.http, "/v2/health/ready", {}),
                                       (server.http, "/v2/models/classify", {"Authorization": "Bearer client"}),
                                       (server.metrics, "/metrics", {"Authorization": "Bearer client"})]:
            host, port = address.rsplit(":", 1)
            connection = http.client.HTTPConnection(host, int(port), timeout=30)
            connection.request("GET", path, headers=headers)
            status = connection.getresponse().status
            connection.close()
            checks.that(status == 200, f"{path}: {status}")
    finally:
        code, elapsed, rest = server.end()
    checks.that(code == 0 and 0.9 < elapsed < 10, f"it ends with {code} after {elapsed:.1f} s: {rest}")
    kept = [path for path in cache.rglob("*") if path.is_file()]
    checks.that(any("stages" in str(path) for path in kept), f"what was measured is kept: {kept[:5]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    daris = parser.parse_args().daris.resolve()
    checks = Checks()
    text = documents(checks)
    with tempfile.TemporaryDirectory() as name:
        start(checks, daris, pathlib.Path(name), text)
    checks.end("Files for deployment")


if __name__ == "__main__":
    main()
