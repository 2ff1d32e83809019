#!/usr/bin/env python3
"""Asks a running `daris serve` with KServe's Python clients, REST and gRPC; `conformance.py` runs it.

    python3 -m pip install --no-deps --target .build/kserve -r Tests/Clients/kserve-requirements.txt
    python3 Tests/Clients/kserve-clients.py [--kserve .build/kserve] HTTP GRPC

The package depends on what KServe's server needs (kubernetes, pandas, FastAPI, Pillow and more); its clients do not. They are
installed without it, 21 MB in a folder of their own, and empty modules stand in for the rest. KServe's messages of gRPC have
the names of Triton's, so that both are never in one process. Without the package the script says so and succeeds.

The server has a model `sums`, of inputs a and b, FP32 [4, 16].
"""

import argparse
import asyncio
import importlib
import importlib.util
import pathlib
import sys
import types

from common import Checks, need

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Empty(types.ModuleType):
    """A module in which every name is a class of its own."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def load(folder):
    """Loads the clients without the package's own start, which loads KServe's server."""
    sys.path.append(str(folder))
    for name in ("pandas", "fastapi", "fastapi.responses", "cloudevents", "cloudevents.conversion", "cloudevents.http",
                 "psutil", "yaml"):
        try:
            importlib.import_module(name)
        except ImportError:
            sys.modules[name] = Empty(name)
    package = types.ModuleType("kserve")
    package.__path__ = [str(folder / "kserve")]
    sys.modules["kserve"] = package


async def ask(checks, http, grpc):
    import numpy
    from kserve.inference_client import InferenceGRPCClient, InferenceRESTClient, RESTConfig
    from kserve.protocol.infer_type import InferInput, InferRequest, RequestedOutput

    generator = numpy.random.default_rng(1)
    a, b = (generator.standard_normal((4, 16)).astype(numpy.float32) for _ in range(2))

    def request(binary, wants_binary=None, **parameters):
        inputs = [InferInput(name, [4, 16], "FP32") for name in "ab"]
        for tensor, array in zip(inputs, (a, b)):
            tensor.set_data_from_numpy(array, binary_data=binary)
        outputs = None
        if wants_binary is not None:
            outputs = [RequestedOutput("sum", {"binary_data": wants_binary})]
        return InferRequest("sums", inputs, request_id="mine", parameters=parameters, request_outputs=outputs)

    def same(answer):
        found = answer.get_output_by_name("sum").as_numpy()
        return answer.id == "mine" and numpy.array_equal(found, a + b)

    rest = InferenceRESTClient(RESTConfig(protocol="v2"))
    url = f"http://{http}"
    checks.that(await rest.is_server_live(url) and await rest.is_server_ready(url), "REST: live and ready")
    checks.that(await rest.is_model_ready(url, "sums"), "REST: the model is ready")
    for binary in (False, True):
        for wanted in (None, False, True):
            answer = await rest.infer(url, request(binary, wanted), model_name="sums")
            checks.that(same(answer), f"REST: bytes in {binary}, out {wanted}")
    answer = await rest.infer(url, request(True, binary_data_output=True), model_name="sums")
    checks.that(same(answer), "REST: all outputs as bytes")
    try:
        await rest.infer(url, request(False, unknown=1), model_name="sums")
        checks.that(False, "REST: an unknown parameter is refused")
    except Exception as error:
        checks.that("400" in str(error) and "unknown" in str(error), f"REST: an unknown parameter: {error}")
    await rest.close()

    client = InferenceGRPCClient(grpc)
    checks.that(await client.is_server_live() and await client.is_server_ready(), "gRPC: live and ready")
    checks.that(await client.is_model_ready("sums"), "gRPC: the model is ready")
    for binary in (False, True):
        checks.that(same(await client.infer(request(binary))), f"gRPC: raw contents {binary}")
    checks.that(same(await client.infer(request(True, priority=1, timeout=60_000_000))), "gRPC: parameters")
    await client.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kserve", default=ROOT / ".build/kserve", type=pathlib.Path)
    parser.add_argument("http")
    parser.add_argument("grpc")
    arguments = parser.parse_args()
    if not (arguments.kserve / "kserve").exists():
        print(f"skipped: {arguments.kserve}/kserve is not there")
        return
    need("grpc", "numpy", "google.protobuf")
    load(arguments.kserve.resolve())
    checks = Checks()
    asyncio.run(ask(checks, arguments.http, arguments.grpc))
    checks.end("KServe's clients")


if __name__ == "__main__":
    main()
