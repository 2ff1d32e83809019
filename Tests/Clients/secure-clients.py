#!/usr/bin/env python3
"""Drives `daris serve` over TLS and with tokens, and gives gRPC calls up.

    python3 Tests/Clients/secure-clients.py [--daris .build/debug/daris]

Checked are Triton's clients over https and grpcs against a certificate made for this; which versions of TLS are spoken; that the
server takes a new certificate without a restart, and keeps the one from before where the new one is of no use; that clients
must show a certificate where that is asked for; that requests without a token, or with a wrong one, are refused, and that control has a token of its
own; that nobody but this machine is listened to without tokens, and has no shared memory then; and that a gRPC call which its client gives up frees its job.

It needs the packages of Tests/Clients/requirements.txt, openssl, and a built daris with its ONNX Runtime. What is not there it
names, and succeeds.
"""

import argparse
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import need

need("numpy", "onnx", "tritonclient.grpc", "tritonclient.http")
if not shutil.which("openssl"):
    print("skipped: there is no openssl to make a certificate with")
    sys.exit(0)

import numpy
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http
import tritonclient.utils.shared_memory as shared_memory
from common import Checks, Server, save_sums

ROOT = pathlib.Path(__file__).resolve().parents[2]

SECURE = """
models: {{sums: {{file: {folder}/sums.onnx}}}}
tasks: [{{name: sums, model: sums, rate: 100 Hz, deadline: 2 s, priority: low, arrival: sporadic, instances: 4}}]
serve:
  http: 127.0.0.1:0
  grpc: 127.0.0.1:0
  tls: {{certificate: {folder}/server.pem, key: {folder}/server.key}}
  tokens: {{inference: {folder}/clients.token, control: {folder}/operators.token}}
"""

MUTUAL = """
models: {{sums: {{file: {folder}/sums.onnx}}}}
tasks: [{{name: sums, model: sums, rate: 100 Hz, deadline: 2 s, priority: low, arrival: sporadic, instances: 4}}]
serve:
  http: 127.0.0.1:0
  grpc: 127.0.0.1:0
  tls: {{certificate: {folder}/server.pem, key: {folder}/server.key, client_ca: {folder}/authority.pem}}
"""

SLOW = """
models: {{resnet18: {{builtin: resnet18, stages: 4}}}}
tasks: [{{name: slow, model: resnet18, rate: 1 Hz, deadline: 60 s, priority: high, arrival: sporadic}}]
serve: {{http: 127.0.0.1:0, grpc: 127.0.0.1:0}}
"""


def make_certificate(folder, name):
    """A certificate of its own for 127.0.0.1; the key is written first, so that the server sees a pair that fits."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "server.key", "-out",
         folder / "server.pem"], check=True, capture_output=True)


def make_client(folder, name, authority):
    """A certificate for a client, signed by an authority, which is made if it is not there."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    if not (folder / f"{authority}.pem").exists():
        subprocess.run(
            ["openssl", "req", "-x509", *key, "-days", "2", "-subj", f"/CN={authority}", "-addext",
             "keyUsage=critical,keyCertSign", "-keyout", folder / f"{authority}.key", "-out", folder / f"{authority}.pem"],
            check=True, capture_output=True)
    subprocess.run(
        ["openssl", "req", "-new", *key, "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out",
         folder / f"{name}.csr"], check=True, capture_output=True)
    subprocess.run(
        ["openssl", "x509", "-req", "-days", "2", "-in", folder / f"{name}.csr", "-CA", folder / f"{authority}.pem", "-CAkey",
         folder / f"{authority}.key", "-CAcreateserial", "-out", folder / f"{name}.pem"], check=True, capture_output=True)


def spoken(address, least, most):
    """The version of TLS that is agreed on, or the words of the failure."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    # The machine's own policy must not be what refuses.
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = least, most
    context.set_alpn_protocols(["h2", "http/1.1"])
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=10) as plain:
            with context.wrap_socket(plain) as secure:
                return secure.version()
    except (ssl.SSLError, ConnectionError) as error:
        return str(error)


def versions(checks, server):
    version = ssl.TLSVersion
    for name, address in ("HTTP", server.http), ("gRPC", server.grpc):
        for wanted, least, most in [("TLSv1.2", version.TLSv1_2, version.TLSv1_2), ("TLSv1.3", version.TLSv1_3, version.TLSv1_3),
                                    ("TLSv1.3", version.TLSv1_2, version.TLSv1_3)]:
            checks.that(spoken(address, least, most) == wanted, f"{name}: {wanted}: {spoken(address, least, most)}")
        old = spoken(address, version.TLSv1, version.TLSv1_1)
        checks.that("PROTOCOL_VERSION" in old.upper().replace(" ", "_"), f"{name}: nothing older is spoken: {old}")


def unusable(checks, server, folder):
    """A certificate that cannot be used leaves the one from before in force; the log says so, once."""
    certificate = (folder / "server.pem").read_text()
    name = served_name(server.http)

    def warnings():
        return sum("could not be read again" in line for line in list(server.rest))

    def wait(condition):
        begin = time.monotonic()
        while not condition() and time.monotonic() - begin < 30:
            time.sleep(0.2)

    before = warnings()
    (folder / "server.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    wait(lambda: warnings() > before)
    checks.that(warnings() == before + 1, f"a useless certificate is told of: {warnings() - before}")
    checks.that(served_name(server.http) == served_name(server.grpc) == name, "and the one from before stays")
    (folder / "server.pem").unlink()
    wait(lambda: warnings() > before + 1)
    checks.that(served_name(server.http) == name and warnings() == before + 2, "so it does where there is none")
    (folder / "server.pem").write_text(certificate)
    wait(lambda: any("the certificate was read again" in line for line in list(server.rest)[-3:]))
    checks.that(any("the certificate was read again" in line for line in list(server.rest)), "it is told that all is well")


def mutual(checks, server, folder):
    """Clients with a certificate of the right authority, of a wrong one, and without."""
    trusted = str(folder / "server.pem")

    def clients(name):
        options = {"ca_certs": trusted, "cert_reqs": ssl.CERT_REQUIRED}
        more = {}
        if name:
            options |= {"certfile": str(folder / f"{name}.pem"), "keyfile": str(folder / f"{name}.key")}
            more = {"private_key": str(folder / f"{name}.key"), "certificate_chain": str(folder / f"{name}.pem")}
        return (
            ("HTTP", over_http, over_http.InferenceServerClient(server.http, ssl=True, ssl_options=options, insecure=True)),
            ("gRPC", over_grpc, over_grpc.InferenceServerClient(server.grpc, ssl=True, root_certificates=trusted, **more)))

    for protocol, module, client in clients("friend"):
        checks.that((client.infer("sums", sums(module)).as_numpy("sum") == 2).all(), f"{protocol}: a client with a certificate")
        client.close()
    for name in None, "stranger":
        for protocol, module, client in clients(name):
            for call in lambda: client.infer("sums", sums(module)), client.is_server_live:
                checks.that(fails(call, ""), f"{protocol}: a client with {name} as its certificate is answered")
            client.close()


def served_name(address):
    """The name in the certificate that the server shows."""
    host, port = address.rsplit(":", 1)
    text = ssl.get_server_certificate((host, int(port)))
    printed = subprocess.run(
        ["openssl", "x509", "-noout", "-subject"], input=text, capture_output=True, text=True).stdout
    return re.search(r"CN\s*=\s*(\S+)", printed).group(1)


def sums(module):
    inputs = []
    for name in "ab":
        tensor = module.InferInput(name, [4, 16], "FP32")
        tensor.set_data_from_numpy(numpy.ones((4, 16), dtype=numpy.float32))
        inputs.append(tensor)
    return inputs


def fails(call, *words):
    """Whether a call fails with one of these words."""
    try:
        call()
    except Exception as error:
        return any(word in str(error) for word in words)
    return False


def secure(checks, server, folder):
    # Anew for each call: the HTTP client writes into what it is given.
    def bearer(token):
        return {"authorization": f"Bearer {token}"}

    http = over_http.InferenceServerClient(
        server.http, ssl=True, ssl_options={"ca_certs": str(folder / "server.pem"), "cert_reqs": ssl.CERT_REQUIRED},
        insecure=True)
    grpc = over_grpc.InferenceServerClient(server.grpc, ssl=True, root_certificates=str(folder / "server.pem"))
    for name, module, client in [("HTTP", over_http, http), ("gRPC", over_grpc, grpc)]:
        checks.that(client.is_server_live(), f"{name}: health needs no token")
        answer = client.infer("sums", sums(module), headers=bearer("right"))
        checks.that((answer.as_numpy("sum") == 2).all(), f"{name}: an inference over TLS")
        unknown = ("401", "UNAUTHENTICATED", "token")
        checks.that(fails(lambda: client.infer("sums", sums(module)), *unknown), f"{name}: no token")
        checks.that(
            fails(lambda: client.infer("sums", sums(module), headers=bearer("wrong")), *unknown), f"{name}: a wrong token")
        checks.that(
            fails(lambda: client.unload_model("sums", headers=bearer("right")), *unknown), f"{name}: control needs its own token")
        client.unload_model("sums", headers=bearer("operator"))
        client.load_model("sums", headers=bearer("operator"))
        checks.that(client.is_model_ready("sums", headers=bearer("right")), f"{name}: an operator may load")
        for what in ("system", "cuda"):
            status = getattr(client, f"get_{what}_shared_memory_status")
            checks.that(
                fails(lambda: status(headers=bearer("right")), *unknown), f"{name}: so does {what} shared memory")
            status(headers=bearer("operator"))
        checks.that(
            fails(lambda: client.register_system_shared_memory("r", "/nothing", 1, headers=bearer("right")), *unknown)
            and fails(lambda: client.unregister_system_shared_memory(headers=bearer("right")), *unknown),
            f"{name}: to register and unregister it also")
        checks.that(
            fails(lambda: client.register_system_shared_memory("r", "/nothing", 1, headers=bearer("operator")), "opened"),
            f"{name}: an operator may register it")
    checks.that(
        fails(lambda: urllib.request.urlopen(f"http://{server.http}/v2/health/live", timeout=10), ""),
        "nothing is answered without TLS")
    checks.that(served_name(server.http) == "first", "the certificate shown is the one given")
    make_certificate(folder, "second")
    (folder / "clients.token").write_text("other\n")
    begin = time.monotonic()
    while served_name(server.http) != "second" and time.monotonic() - begin < 30:
        time.sleep(0.2)
    checks.that(served_name(server.http) == "second", "a new certificate is taken without a restart")
    checks.that(served_name(server.grpc) == "second", "for gRPC also")
    again = over_grpc.InferenceServerClient(server.grpc, ssl=True, root_certificates=str(folder / "server.pem"))

    def infer():
        return again.infer("sums", sums(over_grpc), headers=bearer("other"))

    while fails(infer, "token") and time.monotonic() - begin < 30:
        time.sleep(0.2)
    checks.that((infer().as_numpy("sum") == 2).all(), "new tokens are taken without a restart")
    again.close()
    grpc.close()
    http.close()


def reachable(checks, server):
    """A listener that other machines reach has no shared memory without control tokens, also for a region of the other."""
    local = over_http.InferenceServerClient(server.http)
    remote = over_grpc.InferenceServerClient(server.grpc.replace("0.0.0.0", "127.0.0.1"))
    key = f"/daris-secure-{os.getpid()}"
    region = shared_memory.create_shared_memory_region("r", key, 256)
    try:
        local.register_system_shared_memory("r", key, 256)
        words = ("PERMISSION_DENIED",)
        for what, call in [
            ("status", remote.get_system_shared_memory_status), ("unregister", remote.unregister_system_shared_memory),
            ("register", lambda: remote.register_system_shared_memory("s", key, 256)),
        ]:
            checks.that(fails(call, *words), f"{what} is refused where other machines ask")
        tensors = sums(over_grpc)
        tensors[0].set_shared_memory("r", 256)
        checks.that(fails(lambda: remote.infer("sums", tensors), *words), "so is an input from there")
        output = over_grpc.InferRequestedOutput("sum")
        output.set_shared_memory("r", 256)
        checks.that(
            fails(lambda: remote.infer("sums", sums(over_grpc), outputs=[output]), *words), "so is an output to there")
        checks.that((remote.infer("sums", sums(over_grpc)).as_numpy("sum") == 2).all(), "others are answered")
        checks.that(len(local.get_system_shared_memory_status()) == 1, "clients of this machine have it")
    finally:
        local.unregister_system_shared_memory()
        shared_memory.destroy_shared_memory_region(region)
        local.close()
        remote.close()


def metric(address, line):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as response:
        found = re.search(rf"^{re.escape(line)} (\S+)$", response.read().decode(), re.MULTILINE)
    return float(found.group(1))


def cancelling(checks, server):
    """One job runs at a time, the others wait: of those that are given up hardly any must run."""
    client = over_grpc.InferenceServerClient(server.grpc)
    image = over_grpc.InferInput("input", [1, 3, 224, 224], "FP32")
    image.set_data_from_numpy(numpy.zeros((1, 3, 224, 224), dtype=numpy.float32))
    client.infer("slow", [image])
    line = 'daris_requests_total{model="slow",priority="high",fate="%s"}'
    contexts = [client.async_infer("slow", [image], lambda result, error: None) for _ in range(40)]
    begin = time.monotonic()
    while metric(server.http, "daris_requests_in_flight") < 10 and time.monotonic() - begin < 30:
        time.sleep(0.01)
    for context in contexts:
        context.cancel()
    while metric(server.http, "daris_requests_in_flight") > 0 and time.monotonic() - begin < 60:
        time.sleep(0.05)
    checks.that(metric(server.http, "daris_requests_in_flight") == 0, "calls that are given up are over")
    checks.that(metric(server.http, line % "cancelled") > 0, "and counted as given up")
    checks.that(client.infer("slow", [image]).as_numpy("output") is not None, "their task is free for others")

    # A call whose own deadline passes is too late, for its client and in the figures.
    def figures():
        return [metric(server.http, line % fate) for fate in ("answered", "too_late", "cancelled")]

    before = figures()
    late = sum(fails(lambda: client.infer("slow", [image], client_timeout=0.002), "DEADLINE_EXCEEDED") for _ in range(20))
    # Some may not have left their client in time, or been given up by it just before the server saw their deadline.
    begin = time.monotonic()
    while metric(server.http, "daris_requests_in_flight") > 0 and time.monotonic() - begin < 30:
        time.sleep(0.05)
    after = [now - then for now, then in zip(figures(), before)]
    checks.that(
        late > 0 and 20 - late <= after[0] < 20 and after[1] > 0,
        f"of 20 calls {late} are too late; answered, too late, given up: {after}")
    client.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    daris = parser.parse_args().daris.resolve()
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_sums(folder)
        make_certificate(folder, "first")
        (folder / "clients.token").write_text("right\n")
        (folder / "operators.token").write_text("operator\n")
        (folder / "secure.yaml").write_text(SECURE.format(folder=folder))
        server = Server([daris, "serve", folder / "secure.yaml"])
        try:
            secure(checks, server, folder)
            versions(checks, server)
            unusable(checks, server, folder)
        finally:
            code, _, _ = server.end()
        checks.that(code == 0, f"the server ends with 0, not {code}")

        open_to_all = subprocess.run(
            [daris, "serve", "--models", folder, "--http", "0.0.0.0:0"], capture_output=True, text=True, timeout=120)
        checks.that(
            open_to_all.returncode != 0 and "--insecure" in open_to_all.stderr,
            f"no other machine is listened to without a token: {open_to_all.returncode}, {open_to_all.stderr}")

        make_client(folder, "friend", "authority")
        make_client(folder, "stranger", "other")
        (folder / "mutual.yaml").write_text(MUTUAL.format(folder=folder))
        server = Server([daris, "serve", folder / "mutual.yaml"])
        try:
            mutual(checks, server, folder)
        finally:
            server.end()
        for text, words in ("nothing", "client_ca"), (None, "client_ca"):
            (folder / "authority.pem").unlink() if text is None else (folder / "authority.pem").write_text(text)
            done = subprocess.run([daris, "serve", folder / "mutual.yaml"], capture_output=True, text=True, timeout=60)
            checks.that(done.returncode == 2 and words in done.stderr, f"no authority: {done.returncode} {done.stderr}")
        server = Server(
            [daris, "serve", "--models", folder, "--http", "127.0.0.1:0", "--grpc", "0.0.0.0:0", "--insecure",
             "--deadline", "20s"])
        try:
            reachable(checks, server)
        finally:
            server.end()

        (folder / "slow.yaml").write_text(SLOW.format())
        server = Server([daris, "serve", folder / "slow.yaml"])
        try:
            cancelling(checks, server)
        finally:
            server.end()
    checks.end("Secure clients")


if __name__ == "__main__":
    main()
