#!/usr/bin/env python3
"""Measures `daris serve` with Triton's perf_analyzer over HTTP and gRPC, with tensors sent, streamed and in shared memory.

    python3 -m pip install --no-deps --target .build/perf-analyzer tritonclient==2.50.0
    python3 Tests/Clients/perf-analyzer.py [--daris .build/release/daris] [--perf-analyzer .build/perf-analyzer]

The last wheel of tritonclient that has the program is 2.50.0: 14 MB to fetch, 40 MB installed, in a folder of its own, beside
the client that the other scripts use. The program is linked to two libraries that it needs for memory of GPUs alone; empty
ones are built in their place.

Checked is that it finds its measurements good: it ends with 0, answers are counted, and the server's part of the times (queue
and compute, of the statistics) is there and less than what clients saw. Without the program the script says so and succeeds.
"""

import argparse
import csv
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from common import Checks, Server, need, save, save_sums

need("onnx")

from onnx import TensorProto, helper

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What it is linked to, and calls for memory of GPUs and for data in JSON files alone.
LIBRARIES = {
    "libb64.so.0d": [
        "base64_decode_block", "base64_encode_block", "base64_encode_blockend", "base64_init_decodestate",
        "base64_init_encodestate"],
    "libcudart.so.12": [
        "cudaFree", "cudaGetErrorName", "cudaGetErrorString", "cudaIpcGetMemHandle", "cudaMalloc", "cudaMemcpy",
        "cudaSetDevice"],
}


def build_libraries(folder, compiler):
    for library, functions in LIBRARIES.items():
        source = "#include <stdlib.h>\n" + "".join(f"void {name}(void) {{ abort(); }}\n" for name in functions)
        versions = folder / f"{library}.map"
        versions.write_text(f"{library} {{ global: *; }};\n")
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-x", "c", "-", f"-Wl,-soname,{library}", f"-Wl,--version-script={versions}",
             "-o", folder / library], input=source, text=True, check=True)


def measure(program, libraries, folder, model, address, *options):
    """One measurement: the exit code, what was printed, and the figures of its one line, in microseconds."""
    table = folder / "figures.csv"
    table.unlink(missing_ok=True)
    done = subprocess.run(
        [program, "-m", model, "-u", address, "--concurrency-range", "2", "--measurement-interval", "1000",
         "--stability-percentage", "999", "--max-trials", "3", "-f", table, *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
        env={**os.environ, "LD_LIBRARY_PATH": str(libraries)})
    figures = {}
    if table.exists():
        with open(table, newline="") as lines:
            rows = list(csv.DictReader(lines))
        figures = {key: float(value) for key, value in rows[0].items() if value} if rows else {}
    return done.returncode, done.stdout, figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", default=ROOT / ".build/release/daris", type=pathlib.Path)
    parser.add_argument("--perf-analyzer", default=ROOT / ".build/perf-analyzer", type=pathlib.Path)
    arguments = parser.parse_args()
    if not arguments.daris.exists():
        raise SystemExit(f"{arguments.daris} is not there; build it with 'swift build'")
    program = (arguments.perf_analyzer / "bin/perf_analyzer").resolve()
    compiler = shutil.which("cc") or shutil.which("clang")
    if not program.exists() or not compiler:
        print("skipped: " + ("there is no C compiler" if program.exists() else f"{program} is not there"))
        sys.exit(0)
    # pip does not keep the bit for programs.
    program.chmod(0o755)
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "models").mkdir()
        save_sums(folder / "models")
        # In JSON the program leaves out all but the first of what it takes for a batch.
        save(
            folder / "models", "row", [helper.make_node("Identity", ["x"], ["y"])],
            [("x", TensorProto.FLOAT, [1, 16])], [("y", TensorProto.FLOAT, [1, 16])])
        build_libraries(folder, compiler)
        server = Server(
            [arguments.daris.resolve(), "serve", "--models", folder / "models", "--http", "127.0.0.1:0",
             "--grpc", "127.0.0.1:0", "--deadline", "20s"])
        try:
            for what, address, options in [
                ("HTTP", server.http, []),
                ("HTTP, asynchronous", server.http, ["--async"]),
                ("HTTP, JSON", server.http, ["--input-tensor-format", "json", "--output-tensor-format", "json"]),
                ("HTTP, shared memory", server.http,
                 ["--shared-memory", "system", "--output-shared-memory-size", "256"]),
                ("gRPC", server.grpc, ["-i", "grpc"]),
                ("gRPC, asynchronous", server.grpc, ["-i", "grpc", "--async"]),
                ("gRPC, a stream", server.grpc, ["-i", "grpc", "--async", "--streaming"]),
                ("gRPC, shared memory", server.grpc,
                 ["-i", "grpc", "--shared-memory", "system", "--output-shared-memory-size", "256"]),
            ]:
                model = "row" if "JSON" in what else "sums"
                code, text, figures = measure(program, folder, folder, model, address, *options)
                checks.that(code == 0, f"{what}: ended with {code}: {text}")
                if code != 0:
                    continue
                print(f"{what}: {figures['Inferences/Second']:.0f} requests a second")
                checks.that(figures["Inferences/Second"] > 0, f"{what}: {figures}")
                inside = figures["Server Queue"] + figures["Server Compute Infer"] + figures["Server Compute Output"]
                checks.that(0 < inside < figures["p99 latency"], f"{what}: the server's part of the time: {figures}")
        finally:
            code, _, rest = server.end()
        checks.that(code == 0, f"daris serve ended with {code}: {rest}")
    checks.end("perf_analyzer")


if __name__ == "__main__":
    main()
