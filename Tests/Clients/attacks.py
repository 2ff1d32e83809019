#!/usr/bin/env python3
"""Attacks `daris serve` from outside, without a token, and looks whether it still serves others.

    python3 Tests/Clients/attacks.py [--daris .build/debug/daris] [--headers 10000] [--seed 1]

Checked are malformed headers of gRPC calls (known ones and generated ones), more silent connections than the process may have
files, every spelling of a path that needs a token, requests that are answered by more than they sent, bodies that never end,
web pages of other origins, `Expect: 100-continue`, HEAD, JSON that is none, and that the server ends within its drain limit
whatever its clients do.

It needs the packages onnx and h2, and a built daris with its ONNX Runtime. What is not there it names, and succeeds.
"""

import argparse
import collections
import gzip
import http.client
import json
import os
import pathlib
import random
import resource
import socket
import subprocess
import tempfile
import threading
import time
import zlib

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import Checks, Server, need, save, save_sums

need("onnx", "h2")

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from onnx import TensorProto, helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
ZEROS = [[0.0] * 16] * 4
REQUEST = {"inputs": [{"name": name, "datatype": "FP32", "shape": [4, 16], "data": ZEROS} for name in "ab"]}
BODY = json.dumps(REQUEST).encode()
FILES = 512

SET = """
models: {{sums: {{file: {folder}/sums.onnx}}, wide: {{file: {folder}/wide.onnx}}}}
tasks:
  - {{name: sums, model: sums, rate: 100 Hz, deadline: 2 s, priority: low, arrival: sporadic, instances: 4}}
  - {{name: wide, model: wide, rate: 100 Hz, deadline: 2 s, priority: low, arrival: sporadic, instances: 4}}
serve:
  http: 127.0.0.1:0
  grpc: 127.0.0.1:0
  {more}
"""


class Attacked:
    """A server to attack, with a limit of open files and of memory."""

    def __init__(self, daris, folder, more="", files=FILES):
        path = folder / "attacked.yaml"
        path.write_text(SET.format(folder=folder, more=more))
        self.command = ["bash", "-c", f"ulimit -n {files}; exec \"$0\" \"$@\"", daris, "serve", path]
        self.server = Server(self.command)
        self.http, self.grpc = self.server.http, self.server.grpc

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.server.process.poll() is None:
            self.server.process.kill()
        self.server.process.wait()

    @property
    def is_alive(self):
        return self.server.process.poll() is None

    def figure(self, name):
        """A line of /proc/PID/status, in kB."""
        for line in pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])


def connect(address, timeout=20):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=timeout)


def call(address, method="GET", path="/v2/health/ready", body=None, headers={}, timeout=20):
    """Status, headers and body of an answer; 0 where there was none."""
    connection = http.client.HTTPConnection(*address.rsplit(":", 1), timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    except (OSError, http.client.HTTPException) as error:
        return 0, {}, repr(error).encode()
    finally:
        connection.close()


def infer(address, body=BODY, model="sums", headers={}, timeout=20):
    status, _, answer = call(address, "POST", f"/v2/models/{model}/infer", body, headers, timeout)
    return status, answer


class Caller:
    """A client of gRPC that sends what it is told, right or wrong."""

    def __init__(self, address):
        self.address = address
        self.open()

    def open(self):
        self.socket = connect(self.address)
        config = h2.config.H2Configuration(
            client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding=None)
        self.http2 = h2.connection.H2Connection(config)
        self.http2.initiate_connection()
        self.socket.sendall(self.http2.data_to_send())

    def close(self):
        self.socket.close()

    def headers(self, *more, path=b"/inference.GRPCInferenceService/ServerLive", without=()):
        base = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"localhost"),
                (b"content-type", b"application/grpc"), (b"te", b"trailers")]
        return [header for header in base if header[0] not in without] + list(more)

    def call(self, headers, data=b"\0\0\0\0\0", end=True):
        """What became of a call: the status of gRPC, 'reset', 'closed', or None if there was no answer in time."""
        stream = self.http2.get_next_available_stream_id()
        try:
            self.http2.send_headers(stream, headers)
            if data is not None:
                for start in range(0, len(data) - 16_000, 16_000):
                    self.http2.send_data(stream, data[start:start + 16_000])
                rest = len(data) % 16_000 or min(len(data), 16_000)
                self.http2.send_data(stream, data[len(data) - rest:], end_stream=end)
            self.socket.sendall(self.http2.data_to_send())
            while True:
                received = self.socket.recv(65536)
                if not received:
                    return "closed"
                for event in self.http2.receive_data(received):
                    if getattr(event, "stream_id", stream) != stream:
                        continue
                    if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                        found = dict(event.headers).get(b"grpc-status")
                        if found is not None or event.stream_ended:
                            return (found or b"no status").decode()
                    elif isinstance(event, h2.events.StreamReset):
                        return "reset"
                    elif isinstance(event, h2.events.ConnectionTerminated):
                        return "closed"
                self.socket.sendall(self.http2.data_to_send())
        except socket.timeout:
            return None
        except (ConnectionError, h2.exceptions.ProtocolError):
            return "closed"


def generated(random_, caller):
    """Headers of a call of which one or two are not as they should be."""
    names = [b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding", b"grpc-message-type", b"grpc-status",
             b"grpc-message", b"grpc-tags-bin", b"x-bin", b"-bin", b"user-agent", b"te", b"content-type", b"traceparent",
             b"x-request-id", b"authorization", b"content-length", b"grpc-previous-rpc-attempts"]
    digits = b"0123456789+-. eE_HMSmunx\xc2\xb2\xd9\xa3\xff\0"

    def value():
        kind = random_.randrange(5)
        if kind == 0:
            return bytes(random_.choice(digits) for _ in range(random_.randrange(12)))
        if kind == 1:
            return random_.choice([b"-1S", b"+5S", b"0n", b"99999999H", b"999999999S", b"S", b"", b"1", b"\xef\xbc\x91S",
                                   b"gzip", b"gzip,deflate,identity", b"application/grpc+proto", b"identity,,", b"AAA=",
                                   b"AA==", b"A", b"%", b"%zz", b"9223372036854775807S", b"-9223372036854775808n"])
        if kind == 2:
            return bytes(random_.randrange(256) for _ in range(random_.randrange(40)))
        if kind == 3:
            return b"a" * random_.choice([1, 100, 1000, 8000])
        return str(random_.randrange(-10 ** 9, 10 ** 9)).encode() + random_.choice([b"H", b"M", b"S", b"m", b"u", b"n"])

    def header():
        name = random_.choice(names)
        if random_.random() < 0.1:
            name = bytes(random_.randrange(33, 127) for _ in range(random_.randrange(1, 12))).lower()
        return (name, value())

    more = [header() for _ in range(random_.randrange(1, 3))]
    without = random_.choice([(), (), (), (b"te",), (b"content-type",), (b":path",), (b":authority",), (b":method",)])
    path = random_.choice(
        [b"/inference.GRPCInferenceService/ServerLive"] * 4 + [b"", b"/", b"//", b"x", b"/a/b/c", b"*", value()])
    headers = caller.headers(*more, path=path, without=without)
    if random_.random() < 0.1:
        random_.shuffle(headers)
    return headers


def malformed_headers(checks, attacked, count, seed):
    caller = Caller(attacked.grpc)
    checks.that(caller.call(caller.headers()) == "0", "a call without more is answered")
    for value in (b"-1S", b"-99999999H", b"+1S", b" 1S", b"1", b"S", b"", b"1 S", b"999999999S", b"1s"):
        status = caller.call(caller.headers((b"grpc-timeout", value)))
        checks.that(status == "3", f"grpc-timeout {value!r} is invalid: {status}")
        if status in ("closed", "reset", None):
            caller = Caller(attacked.grpc)
    status = caller.call(caller.headers((b"grpc-timeout", b"1S"), (b"grpc-timeout", b"2S")))
    checks.that(status == "3", f"two time-outs are invalid: {status}")
    for value in (b"1H", b"99999999H", b"60M", b"99999999S", b"10S", b"99999999m", b"99999999u"):
        status = caller.call(caller.headers((b"grpc-timeout", value)))
        checks.that(status == "0", f"grpc-timeout {value!r} is none that passes: {status}")
    caller.close()

    random_ = random.Random(seed)
    caller, unanswered, outcomes = Caller(attacked.grpc), [], {}
    for number in range(count):
        headers = generated(random_, caller)
        outcome = caller.call(headers)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        if outcome is None:
            unanswered.append(headers)
        if outcome in (None, "closed"):
            caller.close()
            if not attacked.is_alive:
                checks.that(False, f"the server ended over {headers}")
                return
            caller = Caller(attacked.grpc)
    caller.close()
    checks.that(not unanswered, f"calls without an answer: {unanswered[:3]}")
    checks.that(attacked.is_alive and call(attacked.http)[0] == 200, f"{count} calls with odd headers (seed {seed})")
    caller = Caller(attacked.grpc)
    checks.that(caller.call(caller.headers()) == "0", f"calls are answered after them; they came to {outcomes}")
    caller.close()


def compressed_calls(checks, attacked):
    """Compressed messages that are cut off, that grow, and that are right."""
    path = b"/inference.GRPCInferenceService/ServerLive"

    def ask(message, encoding=b"gzip"):
        caller = Caller(attacked.grpc)
        caller.socket.settimeout(10)
        status = caller.call(
            caller.headers((b"grpc-encoding", encoding), path=path), b"\1" + len(message).to_bytes(4, "big") + message)
        caller.close()
        return status

    for name, compress in ((b"gzip", gzip.compress), (b"deflate", zlib.compress)):
        whole = compress(b"")
        checks.that(ask(whole, name) == "0", f"a call in {name}")
        for cut in (whole[:-8], whole[:-1], whole[:10], whole[:1], b"", b"\0" * 20, whole + b"more"):
            status = ask(cut, name)
            checks.that(status in ("3", "13", "0"), f"{cut!r} in {name}: {status}")
    status = ask(gzip.compress(bytes(40 << 20)))
    checks.that(status == "3", f"a message of 40 MiB in 40 kB: {status}")
    checks.that(call(attacked.http)[0] == 200, "the server goes on")

    # A call that does not end its side is ended, and so is none that was answered.
    caller = Caller(attacked.grpc)
    caller.socket.settimeout(15)
    status = caller.call(caller.headers(), end=False)
    checks.that(status == "4", f"a call that does not end its side: {status}")
    caller.close()
    caller = Caller(attacked.grpc)
    status = caller.call(caller.headers(), b"\0\0\0\0\0" * 3)
    checks.that(status == "3", f"a call of three messages: {status}")
    caller.close()


def half_closed(checks, attacked):
    """Clients that close their side and do not read hold nothing for long."""
    clients, path = [], f"/proc/{attacked.server.process.pid}/fd"
    before = most = len(os.listdir(path))
    for _ in range(20):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        host, port = attacked.http.rsplit(":", 1)
        client.connect((host, int(port)))
        # Far more is answered than the system's buffers take.
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 900)
        client.shutdown(socket.SHUT_WR)
        clients.append(client)
        most = max(most, len(os.listdir(path)))
    # How many are open at the same time is a matter of the machine's speed.
    begin = time.monotonic()
    while time.monotonic() - begin < 20 and most <= before:
        most = max(most, len(os.listdir(path)))
    checks.that(most > before, f"their connections are open at first: {before} files before, {most}")
    # The limit for an answer to be taken is 3 s here.
    while time.monotonic() - begin < 30 and len(os.listdir(path)) > before + 3:
        time.sleep(0.1)
    after = len(os.listdir(path))
    checks.that(after <= before + 3, f"their connections are closed: {before} files before, {most}, {after} after")
    for client in clients:
        client.close()


def silent_connections(checks, attacked):
    """More connections than there may be files, to each port."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for port in (attacked.http, attacked.grpc):
        clients = []
        for _ in range(2 * FILES):
            try:
                clients.append(connect(port))
            except OSError:
                break
        status = call(attacked.http)[0]
        checks.that(status == 200, f"health is answered beside {len(clients)} silent connections: {status}")
        status, answer = infer(attacked.http)
        checks.that(status == 200, f"and a request too: {status} {answer[:200]!r}")
        caller = Caller(attacked.grpc)
        status = caller.call(caller.headers())
        checks.that(status == "0", f"and a call: {status}")
        caller.close()
        if port == attacked.http:
            # Busy ones cannot be closed for others; health goes on all the same.
            for client in clients:
                client.close()
            busy = []
            for _ in range(2 * FILES):
                try:
                    client = connect(port)
                    client.sendall(b"POST /v2/models/sums/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
                    busy.append(client)
                except OSError:
                    break
            status, _, answer = call(attacked.http)
            checks.that(status == 200, f"health is answered beside {len(busy)} busy connections: {status} {answer!r}")
            clients = busy
        for client in clients:
            client.close()
    # Silent ones are closed after a while.
    for port in (attacked.http, attacked.grpc):
        with connect(port) as client:
            client.settimeout(20)
            try:
                while client.recv(65536):
                    pass
                isClosed = True
            except socket.timeout:
                isClosed = False
            except ConnectionError:
                isClosed = True
        checks.that(isClosed, f"a silent connection to {port} is closed")
    # One that is used is not, though its requests never reach the framework: the limit is 4 s.
    client = http.client.HTTPConnection(attacked.http, timeout=20)
    statuses = []
    try:
        for _ in range(7):
            client.request("POST", "/v2/models/sums/infer", BODY)
            answer = client.getresponse()
            answer.read()
            statuses.append(answer.status)
            client.auto_open = 0
            time.sleep(1)
    except (OSError, http.client.HTTPException) as error:
        statuses.append(repr(error))
    checks.that(statuses == [200] * 7, f"a connection with a request a second lives longer than idle ones: {statuses}")
    client.close()
    checks.that(attacked.is_alive, "the server lives")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def spellings(path, count, random_):
    """Paths that a server may take for the same."""
    for _ in range(count):
        text = ""
        for character in path:
            kind = random_.random()
            if character == "/" and kind < 0.3:
                text += random_.choice(["//", "///", "/./", "/%2f", "/x/../", "/;a/", "\\"])
            elif kind < 0.05:
                text += "%%%02x" % ord(character)
            elif kind < 0.08:
                text += character.upper()
            else:
                text += character
        yield text + random_.choice(["", "", "", "/", "?", "?a=b", "#", "//", "/."])


def token_bypass(checks, daris, folder, random_):
    (folder / "clients.token").write_text("client\n")
    (folder / "operators.token").write_text("operator\n")
    for tokens, header in (("{inference: %s/clients.token, control: %s/operators.token}", "Bearer client"),
                           ("{control: %s/operators.token}", None)):
        with Attacked(daris, folder, "tokens: " + tokens.replace("%s", str(folder))) as attacked:
            headers = {"Authorization": header} if header else {}
            paths = ["/v2/repository/models/sums/unload", "//v2/repository/models/sums/unload",
                     "/v2//repository/models/sums/unload", "/v2/repository//models/sums/unload",
                     "/v2/repository/models//sums/unload", "/v2/repository/models/sums//unload/"]
            paths += spellings("/v2/repository/models/sums/unload", 300, random_)
            statuses = {}
            for path in paths:
                status, _, _ = call(attacked.http, "POST", path, headers=headers)
                statuses.setdefault(status, []).append(path)
            checks.that(
                set(statuses) <= {400, 401, 404}, f"no spelling is let pass: { {k: v[:3] for k, v in statuses.items()} }")
            status, answer = infer(attacked.http, headers=headers)
            checks.that(status == 200, f"the model is still loaded: {status} {answer[:100]!r}")
            status, _, _ = call(attacked.http, "POST", paths[1], headers={"Authorization": "Bearer operator"})
            checks.that(status in (200, 404), f"an operator is not refused for it: {status}")


def little_in_much_out(checks, attacked):
    """What was sent decides what is answered."""
    before = attacked.figure("VmRSS")
    for name, text in (("twice", '{"name":"sum"},{"name":"sum"}'), ("often", ",".join(['{"name":"sum"}'] * 1_000_000))):
        body = BODY[:-1] + b',"outputs":[' + text.encode() + b"]}"
        status, answer = infer(attacked.http, gzip.compress(body, 6), headers={"Content-Encoding": "gzip"}, timeout=120)
        checks.that(
            status == 400 and any(
                words in answer
                for words in (b"output 'sum' is asked for twice", b"more than 16384", b"inputs and outputs, the limit here",
                              b"more memory")),
            f"an output {name}: {status} {answer[:120]!r}")
    status, answer = infer(attacked.http, json.dumps({"inputs": REQUEST["inputs"] * 2}).encode())
    checks.that(status == 400 and b"given twice" in answer, f"an input twice: {status} {answer[:120]!r}")
    body = json.dumps({"inputs": [{"name": "few", "datatype": "FP32", "shape": [1], "data": [1.0]}]}).encode()
    status, answer = infer(attacked.http, body, "wide")
    checks.that(status == 500 and b"larger than" in answer, f"a large answer: {status} {answer[:120]!r}")
    bomb = gzip.compress(b" " * (100 << 20), 9)
    status, answer = infer(attacked.http, bomb, headers={"Content-Encoding": "gzip"}, timeout=60)
    checks.that(status == 400 and b"larger than" in answer, f"100 MB in {len(bomb)} bytes: {status} {answer[:120]!r}")
    grown = (attacked.figure("VmHWM") - before) / 1024
    checks.that(grown < 500, f"memory grew by {grown:.0f} MiB at most")


def shared_memory(checks, attacked):
    """Keys that lead elsewhere, too many regions, and an object that shrinks and grows while it is read and written."""
    memory = pathlib.Path("/dev/shm")
    if not memory.is_dir():
        return
    name = f"daris-attack-{os.getpid()}"
    object_, link, pipe, secret = (memory / (name + end) for end in ("", "-link", "-pipe", "-folder"))

    def register(region, key, size=1, offset=0):
        status, _, answer = call(
            attacked.http, "POST", f"/v2/systemsharedmemory/region/{region}/register",
            json.dumps({"key": key, "offset": offset, "byte_size": size}))
        return status, answer

    def unregister():
        return call(attacked.http, "POST", "/v2/systemsharedmemory/unregister")[0]

    try:
        object_.write_bytes(b"\0" * 1024)
        link.symlink_to("/etc/passwd")
        os.mkfifo(pipe)
        secret.mkdir()
        for key in ("/../../etc/passwd", "/" + str(link.name), "/" + str(pipe.name), "/" + str(secret.name), "", "/", "/.",
                    f"/{name}/", "/\0", "/" + "x" * 100_000, f"//{name}", "/dev/shm/" + name):
            status, answer = register("r", key)
            checks.that(status == 400 and b"error" in answer, f"the key {key[:40]!r}: {status} {answer[:100]!r}")
        for size, offset in ((1 << 62, 1 << 62), (1025, 0), (1, 1024), (0, 0), (-1, 0), (1, -1), (10**30, 0)):
            status, answer = register("r", f"/{name}", size, offset)
            checks.that(status == 400, f"{size} bytes from {offset} on: {status} {answer[:100]!r}")
        statuses = [register(f"r{number}", f"/{name}", 256)[0] for number in range(200)]
        checks.that(statuses == [200] * 64 + [400] * 136, f"200 regions: {collections.Counter(statuses)}")
        checks.that(unregister() == 200 and register("r", f"/{name}", 1024)[0] == 200, "all are unregistered")
        # The object shrinks and grows all the time; a mapping would end the server.
        stop = threading.Event()

        def resize():
            while not stop.is_set():
                os.truncate(object_, 100)
                os.truncate(object_, 1024)

        part = {"shared_memory_region": "r", "shared_memory_byte_size": 256}
        body = json.dumps({
            "inputs": [{"name": "a", "datatype": "FP32", "shape": [4, 16], "parameters": part}, REQUEST["inputs"][1]],
            "outputs": [{"name": "sum", "parameters": {**part, "shared_memory_offset": 512}}]}).encode()
        resizer = threading.Thread(target=resize)
        resizer.start()
        statuses = collections.Counter(infer(attacked.http, body)[0] for _ in range(300))
        stop.set()
        resizer.join()
        checks.that(attacked.is_alive and set(statuses) <= {200, 400}, f"an object that shrinks: {dict(statuses)}")
        os.truncate(object_, 1024)
        checks.that(infer(attacked.http, body)[0] == 200, "when it has its size again it is used again")
    finally:
        unregister()
        for path in (object_, link, pipe):
            path.unlink(missing_ok=True)
        if secret.exists():
            secret.rmdir()
    checks.that(infer(attacked.http)[0] == 200, "the server goes on")


def unfinished_bodies(checks, attacked):
    """Bodies that stop short of their end hold memory, but not more than there is for all."""
    clients = []
    part = b"x" * (1 << 20)
    for _ in range(60):
        client = connect(attacked.http)
        try:
            client.sendall(b"POST /v2/models/sums/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (4 << 20))
            for _ in range(3):
                client.sendall(part)
        except OSError:
            pass
        clients.append(client)
    status, answer = infer(attacked.http)
    checks.that(status == 200, f"a request beside 60 unfinished bodies is answered: {status} {answer[:120]!r}")
    callers = []
    for _ in range(60):
        caller = Caller(attacked.grpc)
        stream = caller.http2.get_next_available_stream_id()
        caller.http2.send_headers(stream, caller.headers(path=b"/inference.GRPCInferenceService/ModelInfer"))
        data = b"\0" + (4 << 20).to_bytes(4, "big") + b"\x0a" * 60_000
        try:
            caller.http2.send_data(stream, data[:16_000])
            caller.socket.sendall(caller.http2.data_to_send())
        except OSError:
            pass
        callers.append(caller)
    status, answer = infer(attacked.http)
    checks.that(status == 200, f"and beside 60 unfinished calls: {status} {answer[:120]!r}")
    _, _, page = call(attacked.http, path="/metrics")
    held = [float(line.split()[1]) for line in page.decode().splitlines() if line.startswith("daris_request_bytes ")]
    checks.that(held and held[0] <= 64 << 20, f"no more bytes are held than may be: {held}")
    # Both are ended when their time is over.
    for client in [clients[-1], callers[-1].socket]:
        client.settimeout(20)
        try:
            while client.recv(65536):
                pass
            ended = True
        except socket.timeout:
            ended = False
        except ConnectionError:
            ended = True
        checks.that(ended, "a request that does not end is ended")
    for client in clients:
        client.close()
    for caller in callers:
        caller.close()


def other_origins(checks, attacked):
    unload = "/v2/repository/models/sums/unload"
    port = attacked.http.rsplit(":", 1)[1]
    for headers, what in (
        ({"Origin": "http://evil.example"}, "a page of another site"),
        ({"Origin": "null"}, "a page of nowhere"),
        ({"Origin": f"http://evil.example:{port}"}, "a page of another name with our port"),
        ({"Origin": "http://localhost.evil.example"}, "a page whose name begins like ours"),
        ({"Host": f"evil.example:{port}"}, "a name that leads here"),
        ({"Host": f"127.evil:{port}"}, "a name that begins like a number of ours"),
        ({"Host": "127.0.0.1.evil.example"}, "a longer one"),
        ({"Host": "localhost.evil.example"}, "another one"),
    ):
        for method, path, body in (("POST", unload, None), ("POST", "/v2/models/sums/infer", BODY)):
            status, _, answer = call(attacked.http, method, path, body, headers)
            checks.that(status == 403, f"{what} may not {path}: {status} {answer[:120]!r}")
        checks.that(call(attacked.http, headers=headers)[0] == 200, f"health is for {what} too")
    for host in ("localhost", f"localhost:{port}", "LOCALHOST", "127.1.2.3", "[::1]:1"):
        status, _, answer = call(attacked.http, "POST", "/v2/models/sums/infer", BODY, {"Host": host})
        checks.that(status == 200, f"host {host} is this machine: {status} {answer[:120]!r}")
    own = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    status, _, _ = call(attacked.http, "POST", "/v2/models/sums/infer", BODY, own)
    checks.that(status == 200, f"the server's own page may: {status}")


def small_things(checks, attacked):
    # Expect: 100-continue is answered before the body comes, and a refusal instead of it.
    head = (b"POST /v2/models/%s/infer HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n")
    with connect(attacked.http) as client:
        client.sendall(head % (b"sums", len(BODY)))
        answer = client.recv(1000)
        checks.that(answer.startswith(b"HTTP/1.1 100 "), f"leave to send is given: {answer[:60]!r}")
        client.sendall(BODY)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        checks.that(answer.status == 200 and b"sum" in answer.read(), f"and the request answered: {answer.status}")
        client.sendall(head % (b"none", len(BODY)))
        answer = http.client.HTTPResponse(client)
        answer.begin()
        answer.read()
        checks.that(answer.status == 404, f"a request without a model gets no leave: {answer.status}")
        checks.that(client.recv(10) == b"", "its connection ends, as its body may come or not")
    for path in ("/v2/health/ready", "/v2", "/v2/models/sums", "/metrics", "/"):
        status, headers, body = call(attacked.http, "HEAD", path)
        checks.that(status == 200 and body == b"", f"HEAD {path}: {status} {body[:50]!r}")
    for body in (BODY[:-1] + b",}", BODY.replace(b"]}", b",]}", 1), b"\xef\xbb\xbf" + BODY, BODY + b"x", BODY + b"{}",
                 BODY.replace(b"0.0", b".5", 1), BODY.replace(b"0.0", b"01", 1), BODY.replace(b"0.0", b"+1", 1),
                 BODY.replace(b"0.0", b"nan", 1), BODY.replace(b"0.0", b"0x1", 1), BODY.replace(b'"a"', b"'a'", 1),
                 b"/* */" + BODY, BODY.replace(b'"a"', b'"a\n"', 1), b"[" * 100_000 + b"]" * 100_000):
        status, answer = infer(attacked.http, body)
        checks.that(status == 400 and b"JSON" in answer, f"{body[:40]!r}…{body[-10:]!r} is no JSON: {status} {answer[:120]!r}")
    status, _ = infer(attacked.http, b" \r\n\t" + BODY.replace(b"0.0", b"1e-3", 1) + b" ")
    checks.that(status == 200, f"white space and exponents are JSON: {status}")
    status, answer = infer(attacked.http, BODY.replace(b"0.0", b"NaN", 1))
    checks.that(status == 200 and b"NaN" in answer, f"NaN is a number of floating point: {status} {answer[:120]!r}")
    for body, words in (
        (BODY.replace(b"0.0", b"1e39", 1), b"element 0 is 1e39, which is no FP32"),
        (BODY[:-1] + b', "parameters": {"timeout_ms": 1}}', b"parameter 'timeout_ms' of the request is not known"),
        (BODY[:-1] + b', "parameters": {"sequence_id": 1}}', b"stateful sequences are not supported"),
        (BODY[:-1] + b', "inputs": []}', b"'inputs' is there twice"),
    ):
        status, answer = infer(attacked.http, body)
        checks.that(status == 400 and words in answer, f"{body[-60:]!r} is refused: {status} {answer[:200]!r}")


def ending(checks, daris, folder):
    """Whatever clients do, the server ends within its limit, and a little."""
    for name in ("silence", "half", "unread"):
        with Attacked(daris, folder, "limits: {drain: 20 s}") as attacked:
            clients = []
            for _ in range(20):
                for port in (attacked.http, attacked.grpc):
                    client = connect(port)
                    if name == "half" and port == attacked.http:
                        client.sendall(
                            b"POST /v2/models/sums/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
                    if name == "unread" and port == attacked.http:
                        client.sendall(b"GET /v2/daris/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    clients.append(client)
                caller = Caller(attacked.grpc)
                stream = caller.http2.get_next_available_stream_id()
                caller.http2.send_headers(stream, caller.headers())
                caller.socket.sendall(caller.http2.data_to_send())
                clients.append(caller.socket)
            checks.that(call(attacked.http)[0] == 200, f"{name}: it serves")
            while name == "half" and b"daris_request_bytes 0" in call(attacked.http, path="/metrics")[2]:
                time.sleep(0.01)
            code, elapsed, _ = attacked.server.end()
            checks.that(code == 0, f"{name}: nothing was taken, so it ends with 0: {code}")
            checks.that(elapsed < 15, f"{name}: nobody makes it wait for its limit of 20 s: {elapsed:.1f} s")
            if name == "half":
                clients[0].settimeout(5)
                answer = clients[0].recv(1000)
                checks.that(b" 503 " in answer, f"a request that has not arrived hears of it: {answer[:60]!r}")
            for client in clients:
                client.close()

    # Requests that take longer than the limit.
    slow = """
models: {resnet18: {builtin: resnet18, stages: 4}}
tasks: [{name: slow, model: resnet18, rate: 1 Hz, deadline: 60 s, priority: high, arrival: sporadic}]
serve: {http: 127.0.0.1:0, grpc: off, limits: {drain: 1 s}}
"""
    (folder / "slow.yaml").write_text(slow)
    server = Server([daris, "serve", folder / "slow.yaml"])
    image = json.dumps({"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, 224, 224],
                                    "parameters": {"binary_data_size": 602112}}]}).encode()
    statuses = []

    def ask():
        status, _ = infer(server.http, image + bytes(602112), "slow", timeout=60,
                          headers={"Inference-Header-Content-Length": str(len(image))})
        statuses.append(status)

    threads = [threading.Thread(target=ask) for _ in range(150)]
    for thread in threads:
        thread.start()
    begin = time.monotonic()
    while time.monotonic() - begin < 60:
        _, _, page = call(server.http, path="/metrics")
        waiting = [line for line in page.decode().splitlines() if line.startswith("daris_requests_in_flight ")]
        if waiting and float(waiting[0].split()[1]) > 120:
            break
    code, elapsed, rest = server.end()
    for thread in threads:
        thread.join()
    checks.that(elapsed < 6, f"requests beyond the limit: it ends within 1 s and a little: {elapsed:.1f} s")
    checks.that(code == 1 and "not been answered" in rest, f"and says so: {code} {rest[-300:]!r}")
    counts = {status: statuses.count(status) for status in set(statuses)}
    checks.that(
        len(statuses) == 150 and set(counts) == {200, 503}, f"and each request is answered or refused: {counts}")


def endless_loop(checks, daris, folder):
    """A client chooses how long a model of low priority runs: it is ended, says why, and high priority keeps its deadlines."""
    import onnx
    from onnx import TensorProto as T
    from onnx import helper

    def value(name, type, shape):
        return helper.make_tensor_value_info(name, type, shape)

    body = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["goes"]), helper.make_node("MatMul", ["state", "state"], ["next"])],
        "body", [value("i", T.INT64, []), value("going", T.BOOL, []), value("state", T.FLOAT, [8, 8])],
        [value("goes", T.BOOL, []), value("next", T.FLOAT, [8, 8])])
    graph = helper.make_graph(
        [helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)], "loop",
        [value("n", T.INT64, []), value("x", T.FLOAT, [8, 8])], [value("y", T.FLOAT, [8, 8])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "loop.onnx")
    (folder / "loop.yaml").write_text("""
partition: {contexts: 1, streams: 1, oversubscription: 1}
models: {loop: {file: loop.onnx}, sums: {file: sums.onnx}}
tasks:
  - {name: loop, model: loop, rate: 2 Hz, deadline: 60 s, priority: low, arrival: sporadic}
  - {name: sums, model: sums, rate: 20 Hz, deadline: 500 ms, priority: high, arrival: sporadic}
serve: {http: 127.0.0.1:0, grpc: off, limits: {overrun: 3}}
""")
    server = Server([daris, "serve", folder / "loop.yaml"])

    def loop(count):
        tensors = [{"name": "n", "datatype": "INT64", "shape": [], "data": [count]},
                   {"name": "x", "datatype": "FP32", "shape": [8, 8], "data": [0.0] * 64}]
        return infer(server.http, json.dumps({"inputs": tensors}).encode(), "loop", timeout=120)

    status, answer = loop(10)
    checks.that(status == 200, f"a short loop runs: {status} {answer!r}")
    results = []
    thread = threading.Thread(target=lambda: results.append(loop(1 << 40)))
    thread.start()
    statuses = []
    while thread.is_alive():
        statuses.append(infer(server.http)[0])
    status, answer = results[0]
    checks.that(status == 500 and b"was ended" in answer, f"an endless one is ended: {status} {answer!r}")
    checks.that(set(statuses) == {200}, f"others are answered meanwhile: { {one: statuses.count(one) for one in statuses} }")
    checks.that(loop(10)[0] == 200, "the next request for the model runs")
    _, _, page = call(server.http, path="/metrics")
    missed = [line for line in page.decode().splitlines() if line.startswith('daris_deadline_misses_total{task="sums"')]
    checks.that(missed and missed[0].endswith(" 0"), f"and high priority missed nothing: {missed}")
    code, _, rest = server.end()
    checks.that(code == 0, f"the server ends as usual: {code} {rest[-300:]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    parser.add_argument("--headers", default=2_000, type=int)
    parser.add_argument("--seed", default=1, type=int)
    arguments = parser.parse_args()
    daris = arguments.daris.resolve()
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_sums(folder)
        # One element in, two millions out.
        save(folder, "wide", [helper.make_node("Expand", ["few", "shape"], ["many"])],
             [("few", TensorProto.FLOAT, [1])], [("many", TensorProto.FLOAT, [2_000_000])],
             [helper.make_tensor("shape", TensorProto.INT64, [1], [2_000_000])])
        limits = "limits: {body: 32 MiB, answer: 4 MiB, memory: 64 MiB, receive: 3 s, idle: 4 s, drain: 2 s}"
        with Attacked(daris, folder, limits) as attacked:
            malformed_headers(checks, attacked, arguments.headers, arguments.seed)
            compressed_calls(checks, attacked)
            half_closed(checks, attacked)
            small_things(checks, attacked)
            other_origins(checks, attacked)
            little_in_much_out(checks, attacked)
            shared_memory(checks, attacked)
            unfinished_bodies(checks, attacked)
            silent_connections(checks, attacked)
            code, elapsed, rest = attacked.server.end()
            checks.that(code == 0 and elapsed < 5, f"after all that it ends as ever: {code}, {elapsed:.1f} s {rest[-300:]}")
        token_bypass(checks, daris, folder, random.Random(arguments.seed))
        endless_loop(checks, daris, folder)
        ending(checks, daris, folder)
    checks.end("Attacks")


if __name__ == "__main__":
    main()
