#!/usr/bin/env python3
"""Asks `daris serve` over gRPC what probes and tools ask: whether it is well, and what it speaks.

    python3 Tests/Clients/grpc-clients.py [--daris .build/release/daris]

Checked are gRPC's health check, once and watched until the server ends, without a token, and server reflection by the packages
of gRPC, from whose answers an inference is put together.

It needs the packages of Tests/Clients/requirements.txt, and a built daris with its ONNX Runtime. Without them it says so and
succeeds.
"""

import argparse
import os
import pathlib
import signal
import tempfile
import threading
import time

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import Checks, Server, need, save_sums

need("onnx", "grpc", "grpc_health.v1", "grpc_reflection.v1alpha")

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICE = "inference.GRPCInferenceService"

SERVE = """
models: {{sums: {{file: {folder}/sums.onnx}}}}
tasks: [{{name: sums, model: sums, rate: 10 Hz, deadline: 2 s, priority: low, arrival: sporadic, instances: 4}}]
serve: {{http: "127.0.0.1:0", grpc: "127.0.0.1:0", drain: {{delay: 1 s}}, limits: {{drain: 10 s}}, {more}}}
"""


def health(checks, server):
    """The server's end, as one that watches sees it."""
    serving, not_serving, unknown = (health_pb2.HealthCheckResponse.ServingStatus.Value(name) for name in (
        "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"))
    channel = grpc.insecure_channel(server.grpc)
    stub = health_pb2_grpc.HealthStub(channel)

    def check(name):
        return stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=10).status

    for name in "", SERVICE:
        checks.that(check(name) == serving, f"'{name}' serves")
    for name in "nothing", "inference", "x" * 10_000:
        try:
            checks.that(False, f"'{name[:20]}' is said to be {check(name)}")
        except grpc.RpcError as error:
            checks.that(error.code() == grpc.StatusCode.NOT_FOUND, f"'{name[:20]}' is not known: {error.code()}")
    heard = {name: [] for name in ("", SERVICE, "nothing")}
    ends = {}

    def watch(name):
        try:
            for answer in stub.Watch(health_pb2.HealthCheckRequest(service=name)):
                heard[name].append(answer.status)
        except grpc.RpcError as error:
            ends[name] = error.code()

    watchers = [threading.Thread(target=watch, args=(name,), daemon=True) for name in heard]
    for watcher in watchers:
        watcher.start()
    time.sleep(0.5)
    checks.that(heard == {"": [serving], SERVICE: [serving], "nothing": [unknown]}, f"watched: {heard}")
    call = stub.Watch(health_pb2.HealthCheckRequest())
    next(call)
    call.cancel()
    start = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    checks.that(check("") == not_serving, "it does not serve during its delay")
    code = server.process.wait(timeout=60)
    elapsed = time.monotonic() - start
    for watcher in watchers:
        watcher.join(timeout=10)
    checks.that(code == 0 and elapsed < 5, f"those that watch keep it from no end: {code} after {elapsed:.1f} s")
    checks.that(heard == {"": [serving, not_serving], SERVICE: [serving, not_serving], "nothing": [unknown]}
                and set(ends.values()) == {grpc.StatusCode.UNAVAILABLE}, f"watched to the end: {heard} {ends}")


def reflection(checks, server):
    channel = grpc.insecure_channel(server.grpc)
    database = ProtoReflectionDescriptorDatabase(channel)
    names = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
             SERVICE]
    checks.that(list(database.get_services()) == names, f"the services: {list(database.get_services())}")
    pool = descriptor_pool.DescriptorPool(database)
    service = pool.FindServiceByName(SERVICE)
    checks.that(len(service.methods) == 20 and service.FindMethodByName("ModelStreamInfer").server_streaming,
                f"methods: {[method.name for method in service.methods]}")
    for name in names:
        for method in pool.FindServiceByName(name).methods:
            checks.that(bool(method.input_type.full_name and method.output_type.full_name), f"{method.full_name}")
    # An inference, by nothing but what the server tells.
    method = service.FindMethodByName("ModelInfer")
    request = message_factory.GetMessageClass(method.input_type)(model_name="sums")
    for name in "ab":
        tensor = request.inputs.add(name=name, datatype="FP32", shape=[4, 16])
        tensor.contents.fp32_contents.extend([0.5] * 64)
    answer = channel.unary_unary(
        f"/{SERVICE}/ModelInfer", request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString)(request, timeout=30)
    checks.that(answer.model_name == "sums" and len(answer.raw_output_contents) == 2, "an inference by reflection")
    # All kinds of questions in one stream, over both versions.
    questions = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_by_filename="inference.proto"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="inference.ModelInferRequest.InferInputTensor"),
        reflection_pb2.ServerReflectionRequest(host="here", file_containing_symbol="inference.Nothing"),
        reflection_pb2.ServerReflectionRequest(file_by_filename="/etc/passwd"),
        reflection_pb2.ServerReflectionRequest(file_containing_extension=reflection_pb2.ExtensionRequest(
            containing_type="inference.ModelInferRequest", extension_number=3)),
        reflection_pb2.ServerReflectionRequest(all_extension_numbers_of_type="inference.ModelInferRequest"),
    ]
    kinds = ["list_services_response"] + ["file_descriptor_response"] * 2 + ["error_response"] * 4
    for version in "v1", "v1alpha":
        answers = list(channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString)(iter(questions), timeout=30))
        checks.that([answer.WhichOneof("message_response") for answer in answers] == kinds,
                    f"{version}: {[answer.WhichOneof('message_response') for answer in answers]}")
        checks.that(all(answer.original_request == question for answer, question in zip(answers, questions)),
                    f"{version}: questions come back with their answers")
        checks.that(answers[3].error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
                    and answers[3].valid_host == "here", f"{version}: an unknown symbol")


def tokens(checks, server):
    """Health needs none; what the server speaks is for clients."""
    channel = grpc.insecure_channel(server.grpc)
    status = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10).status
    checks.that(status == health_pb2.HealthCheckResponse.SERVING, "health needs no token")
    for path in ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", f"/{SERVICE}/ServerMetadata",
                 f"/{SERVICE}/ModelReady", f"/{SERVICE}/ModelInfer", f"/{SERVICE}/RepositoryModelUnload",
                 f"/{SERVICE}/RepositoryIndex", "/nothing.Service/ServerLive"):
        try:
            channel.unary_unary(path)(b"", timeout=10)
            checks.that(False, f"{path} is answered without a token")
        except grpc.RpcError as error:
            wanted = grpc.StatusCode.UNIMPLEMENTED if "nothing" in path else grpc.StatusCode.UNAUTHENTICATED
            checks.that(error.code() == wanted, f"{path} without a token: {error.code()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    daris = parser.parse_args().daris.resolve()
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_sums(folder)
        (folder / "clients.token").write_text("client\n")
        for more, parts in ("", (reflection, health)), (f"tokens: {{inference: {folder}/clients.token}}", (tokens,)):
            (folder / "serve.yaml").write_text(SERVE.format(folder=folder, more=more))
            server = Server([daris, "serve", folder / "serve.yaml"])
            try:
                for part in parts:
                    part(checks, server)
            finally:
                if server.process.poll() is None:
                    server.end()
    checks.end("gRPC clients")


if __name__ == "__main__":
    main()
