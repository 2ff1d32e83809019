#!/usr/bin/env python3
"""Speaks HTTP with `daris serve` as proxies, browsers, probes and old clients do.

    python3 Tests/Clients/http-clients.py [--daris .build/release/daris]

Checked are methods that a path does not have, names in paths that are encoded, HTTP/1.0, requests for the head alone, pages of
other origins, the health calls as clients of Triton and KServe make them, and, with tokens, that no spelling of any path is
answered without one.

It needs the package onnx, and a built daris with its ONNX Runtime. Without the package it says so and succeeds.
"""

import argparse
import http.client
import itertools
import json
import os
import pathlib
import random
import socket
import tempfile
import time

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import Checks, Server, need, save_sums

need("onnx")

ROOT = pathlib.Path(__file__).resolve().parents[2]
BODY = json.dumps(
    {"inputs": [{"name": name, "datatype": "FP32", "shape": [4, 16], "data": [0.5] * 64} for name in "ab"]})

SERVE = """
models: {{sums: {{file: {folder}/sums.onnx}}}}
tasks: [{{name: sums.v-1, model: sums, rate: 10 Hz, deadline: 2 s, priority: low, arrival: sporadic, instances: 4}}]
serve: {{http: "127.0.0.1:0", grpc: off, {more}}}
"""


def ask(address, method, path, body=None, headers={}):
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None or method == "POST":
            connection.putheader("Content-Length", str(len(body or "")))
        connection.endheaders((body or "").encode() or None)
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers
    finally:
        connection.close()


def raw(address, data, wait=2):
    """What comes back within `wait` seconds, and whether the server closed the connection after it."""
    host, port = address.rsplit(":", 1)
    end = time.monotonic() + wait
    with socket.create_connection((host, int(port)), timeout=wait) as client:
        client.sendall(data)
        answer = b""
        try:
            while time.monotonic() < end:
                part = client.recv(65536)
                if not part:
                    return answer.decode(), True
                answer += part
            return answer.decode(), False
        except socket.timeout:
            return answer.decode(), False


def methods(checks, address):
    model = "/v2/models/sums.v-1"
    for path, allowed in [
        ("/v2/health/live", "GET, HEAD"), ("/v2/health/ready", "GET, HEAD"), ("/v2", "GET, HEAD"), ("/", "GET, HEAD"),
        ("/metrics", "GET, HEAD"), (model, "GET, HEAD"), (f"{model}/ready", "GET, HEAD"),
        (f"{model}/versions/1", "GET, HEAD"), (f"{model}/infer", "POST"), (f"{model}/versions/1/infer", "POST"),
        ("/v2/repository/index", "POST"), ("/v2/repository/models/sums.v-1/load", "POST"),
    ]:
        for method in "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE":
            if method in allowed or method == "GET" and path.endswith("live"):
                continue
            status, body, headers = ask(address, method, path)
            checks.that(status == 405 and headers["Allow"] == allowed and (method == "HEAD") == (body == ""),
                        f"{method} {path}: {status} {headers['Allow']} {body[:80]}")
    for method, path, wanted in [("GET", "/nothing", 404), ("HEAD", "/nothing", 404), ("POST", "/v2/nothing", 404),
                                 ("PROPFIND", "/v2", 501), ("MKCOL", "/", 501), ("PROPFIND", f"{model}/infer", 501)]:
        status, body, headers = ask(address, method, path)
        checks.that(status == wanted and (method == "HEAD") == (body == ""), f"{method} {path}: {status} {body[:80]}")
    # A head has no body, however the connection goes on.
    answer, _ = raw(address, b"HEAD /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
                             b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    checks.that(answer.count("HTTP/1.1 ") == 2 and answer.count("\r\n\r\nHTTP/1.1 200") == 1,
                f"the next answer follows the head: {answer!r}")


def names(checks, address):
    for name in "sums.v-1", "sums%2Ev%2d1", "%73ums.v-1":
        for method, path, body in [
            ("GET", "", None), ("GET", "/ready", None), ("GET", "/versions/%31/ready", None), ("GET", "/config", None),
            ("POST", "/infer", BODY), ("POST", "/versions/%31/infer", BODY),
        ]:
            status, answer, _ = ask(address, method, f"/v2/models/{name}{path}", body)
            checks.that(status == 200, f"{method} {name}{path}: {status} {answer[:80]}")
        for action in "unload", "load":
            status, answer, _ = ask(address, "POST", f"/v2/repository/models/{name}/{action}")
            checks.that(status == 200, f"{action} {name}: {status} {answer[:80]}")
    for name in "none", "a%20b", "sums.v-1%00", "%ff", "a%2Fb", "..", "%2e%2e", "%":
        for method, path in ("GET", "/ready"), ("GET", ""), ("POST", "/infer"):
            status, answer, _ = ask(address, method, f"/v2/models/{name}{path}", BODY if method == "POST" else None)
            checks.that(status in (400, 404) and "error" in answer, f"{method} {name}{path}: {status} {answer[:80]}")
    status, answer, _ = ask(address, "GET", "/v2/models/a%20b/ready")
    checks.that(status == 404 and json.loads(answer)["error"] == "there is no model 'a b'", f"{status} {answer}")
    # As proxies are asked.
    for path, body, method in [("/v2/models/sums.v-1/infer", BODY, "POST"), ("/v2/models/sums.v-1/ready", None, "GET")]:
        status, answer, _ = ask(address, method, f"http://{address}{path}", body)
        checks.that(status == 200, f"the whole URL: {status} {answer[:80]}")


def health(checks, address):
    for path, wanted in [
        ("/v2/health/live", {"live": True}), ("/v2/health/ready", {"ready": True}),
        ("/v2/models/sums.v-1/ready", {"name": "sums.v-1", "ready": True}),
        ("/v2/models/sums.v-1/versions/1/ready", {"name": "sums.v-1", "ready": True}),
    ]:
        status, body, headers = ask(address, "GET", path)
        checks.that(status == 200 and json.loads(body) == wanted and headers["Content-Type"] == "application/json",
                    f"{path}: {status} {body}")
    for path in "/v2/models/none/ready", "/v2/models/sums.v-1/versions/2/ready":
        checks.that(ask(address, "GET", path)[0] == 404, f"{path}: there is none")


def old_clients(checks, address):
    calls = {"GET /v2/health/live": b"GET /v2/health/live HTTP/%s\r\nHost: localhost\r\n%s\r\n",
             "POST infer": b"POST /v2/models/sums.v-1/infer HTTP/%s\r\nHost: localhost\r\nContent-Length: "
                           + str(len(BODY)).encode() + b"\r\n%s\r\n" + BODY.encode(),
             "refused": b"POST /v2/models/none/infer HTTP/%s\r\nHost: localhost\r\nContent-Length: "
                        + str(len(BODY)).encode() + b"\r\n%s\r\n" + BODY.encode()}
    for name, call in calls.items():
        for version, header, closes in [
            (b"1.0", b"", True), (b"1.0", b"Connection: keep-alive\r\n", False), (b"1.0", b"Connection: close\r\n", True),
            (b"1.1", b"", False), (b"1.1", b"Connection: Close\r\n", True), (b"1.1", b"Connection: TE, close\r\n", True),
        ]:
            answer, closed = raw(address, call % (version, header), wait=1)
            head = answer.split("\r\n\r\n")[0].lower()
            said = "connection: close" in head
            checks.that(closed == closes == said and answer.startswith(f"HTTP/{version.decode()} "),
                        f"{name}, HTTP/{version.decode()} {header}: closed {closed}, {head!r}")
            if header.endswith(b"alive\r\n"):
                checks.that("connection: keep-alive" in head, f"{name}: an old client is told that it may go on: {head!r}")
    # An endless answer to an old client has no chunks.
    answer, _ = raw(address, b"GET /v2/daris/live HTTP/1.0\r\nHost: localhost\r\n\r\n", wait=1)
    head, _, rest = answer.partition("\r\n\r\n")
    checks.that("chunked" not in head.lower() and rest.startswith("event: plan\n"), f"events in HTTP/1.0: {answer[:300]!r}")


def pages(checks, address, origin):
    """What a page of an origin hears: `origin` is allowed, others are not."""
    infer, unload = "/v2/models/sums.v-1/infer", "/v2/repository/models/sums.v-1/load"
    question = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    for path in infer, unload, "/v2/health/ready":
        status, body, headers = ask(address, "OPTIONS", path, headers={"Origin": origin, **question})
        checks.that(
            status == 204 and body == "" and headers["Access-Control-Allow-Origin"] == origin
            and "POST" in headers["Access-Control-Allow-Methods"]
            and "authorization" in headers["Access-Control-Allow-Headers"].lower() and headers["Vary"] == "Origin",
            f"may a page ask {path}: {status} {headers.items()}")
        status, _, headers = ask(address, "OPTIONS", path, headers={"Origin": "https://evil.example", **question})
        checks.that(status in (403, 405) and "Access-Control-Allow-Origin" not in headers, f"an evil page: {status}")
    for path, body in (infer, BODY), (unload, ""), ("/v2/models/none/infer", BODY):
        status, _, headers = ask(address, "POST", path, body, {"Origin": origin})
        checks.that(status in (200, 404) and headers["Access-Control-Allow-Origin"] == origin
                    and "Retry-After" in headers["Access-Control-Expose-Headers"], f"a page asks {path}: {status}")
        for evil in "https://evil.example", origin + ".evil.example", origin.replace("https", "http"), "null":
            status, _, headers = ask(address, "POST", path, body, {"Origin": evil})
            checks.that(status == 403 and "Access-Control-Allow-Origin" not in headers, f"{evil} asks {path}: {status}")
    status, _, headers = ask(address, "GET", "/v2", headers={"Origin": "https://evil.example"})
    checks.that(status == 200 and "Access-Control-Allow-Origin" not in headers and headers["Vary"] == "Origin",
                "an evil page may not read")


def no_pages(checks, address):
    status, _, headers = ask(address, "OPTIONS", "/v2/models/sums.v-1/infer", headers={
        "Origin": "https://app.example", "Access-Control-Request-Method": "POST"})
    checks.that(status == 403 and not [name for name in headers if name.lower().startswith("access-control")],
                f"without origins no page may ask: {status}")


def spelt(path, random_):
    """The path, or something that a server may take for it."""
    text = ""
    for character in path:
        kind = random_.random()
        if character == "/" and kind < 0.15:
            text += random_.choice(["//", "//", "///", "///", "/./", "/%2f", "/%2F", "%2f", "/x/../", "/;a/", "\\", "/%2e/", "/..//"])
        elif kind < 0.01:
            text += "%%%02x" % ord(character)
        elif kind < 0.015:
            text += character.upper()
        elif kind < 0.02:
            text += "%%25%02x" % ord(character)
        else:
            text += character
    prefix = random_.choice([""] * 6 + ["http://localhost", "http://", "http:///", "x://y?", "/", "/.", "*"])
    return prefix + text + random_.choice(["", "", "", "/", "?", "?a=b", "#", "//", "/.", "/..", "%20", "?/../v2/health/live"])


def bypass(checks, address, count, seed):
    """No spelling of a path gets more than its purpose allows, whoever would answer it."""
    random_ = random.Random(seed)
    paths = {
        None: ["/v2", "/metrics", "/v2/daris/live", "/v2/models/stats", "/v2/models/sums.v-1",
               "/v2/models/sums.v-1/ready", "/v2/models/sums.v-1/config", "/v2/models/sums.v-1/stats",
               "/v2/models/sums.v-1/infer", "/v2/models/sums.v-1/versions/1/infer", "/v2/repository/index",
               "/v2/repository/models/sums.v-1/load", "/v2/repository/models/sums.v-1/unload"],
        "client": ["/v2/repository/models/sums.v-1/load", "/v2/repository/models/sums.v-1/unload"],
        "operator": ["/v2/models/sums.v-1/infer", "/v2/models/sums.v-1/versions/1/infer", "/metrics"],
    }
    seen = {}
    for token, path in itertools.islice(itertools.cycle(
            [(token, path) for token, list_ in paths.items() for path in list_]), count):
        spelling = spelt(path, random_)
        method = random_.choice(["GET", "POST", "POST", "HEAD", "PUT", "OPTIONS"])
        headers = {"Host": "localhost"} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            status, body, _ = ask(address, method, spelling, BODY if method == "POST" else None, headers)
        except http.client.HTTPException as error:
            status, body = type(error).__name__, ""
        seen.setdefault(status, []).append((token, method, spelling))
        # The page and the health calls are for anybody, and so is what they have no method for.
        if status in (200, 405) and (spelling.split("?")[0].split("#")[0].strip("/.") in ("", "*", "http:", "x:/y") or
                                     "<!doctype" in body.lower()[:20] or "is no method of /, " in body
                                     or method == "HEAD" and spelling.startswith(("http", "x://"))):
            continue
        checks.that(status in (400, 401, 404, 501), f"{token}: {method} {spelling}: {status} {body[:100]}")
    checks.that(len(seen.get(401, [])) > count // 10 and len(seen.get(404, [])) > count // 20,
                f"the spellings are of all kinds: { {status: len(list_) for status, list_ in seen.items()} }")
    status, _, _ = ask(address, "POST", "/v2/models/sums.v-1/infer", BODY, {"Authorization": "Bearer client"})
    checks.that(status == 200, f"the model is still loaded: {status}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    parser.add_argument("--count", default=2_000, type=int)
    parser.add_argument("--seed", default=1, type=int)
    arguments = parser.parse_args()
    daris = arguments.daris.resolve()
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_sums(folder)
        (folder / "clients.token").write_text("client\n")
        (folder / "operators.token").write_text("operator\n")

        def server(more):
            (folder / "serve.yaml").write_text(SERVE.format(folder=folder, more=more))
            return Server([daris, "serve", folder / "serve.yaml"])

        running = server("limits: {drain: 5 s}")
        try:
            for part in methods, names, health, old_clients, no_pages:
                part(checks, running.http)
        finally:
            checks.that(running.end()[0] == 0, "it ends with 0")
        running = server("origins: [\"https://app.example\"]")
        try:
            pages(checks, running.http, "https://app.example")
        finally:
            running.end()
        running = server(f"tokens: {{inference: {folder}/clients.token, control: {folder}/operators.token}}")
        try:
            bypass(checks, running.http, arguments.count, arguments.seed)
        finally:
            running.end()
    checks.end("HTTP clients")


if __name__ == "__main__":
    main()
