#!/usr/bin/env python3
"""Cuts models that PyTorch exported, and checks that the stages compute what the whole model computes.

    python3 Tests/PyTorch/staged-exports.py [--daris .build/release/daris] [--keep FOLDER]

Three models that Daris did not build are made with seeded random weights and exported with torch.onnx.export:

  attention   two transformer blocks: layer norm, nn.MultiheadAttention, a multilayer perceptron; the number of tokens
              is a symbolic dimension
  branches    two inputs and three outputs, one of which is made early, and a tensor that skips most of the network
  external    a convolutional network whose weights lie in a file beside the model

Each is cut by `daris split` into 2, 3 and 5 stages. The whole model and the chain of stages run in ONNX Runtime's own
Python package on the same inputs; no output may differ by more than 1e-5 of its largest element. Then `daris run` runs
each for half a second and must complete every job.

It needs torch, onnx, onnxscript, onnxruntime and numpy, and a built daris with its ONNX Runtime. Without the packages it
says so and succeeds; without daris it fails.
"""

import argparse
import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

for package in ("torch", "onnx", "onnxscript", "onnxruntime", "numpy"):
    try:
        __import__(package)
    except ImportError:
        print(f"skipped: {package} is not installed")
        sys.exit(0)

import numpy
import onnxruntime
import torch
from torch import nn

CUTS = (2, 3, 5)
TOLERANCE = 1e-5


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.after = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        y = self.before(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.perceptron(self.after(x))


class Attention(nn.Module):
    """Tokens in, one vector a sequence out."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(Block(64, 4), Block(64, 4))
        self.head = nn.Linear(64, 10)

    def forward(self, tokens):
        return torch.softmax(self.head(self.blocks(tokens).mean(dim=1)), dim=-1)


class Branches(nn.Module):
    """An image and a vector in; a map, a score and an early summary out."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.second = nn.Conv2d(16, 16, 3, padding=1)
        self.third = nn.Conv2d(16, 16, 3, padding=1)
        self.gain = nn.Linear(8, 16)
        self.map = nn.Conv2d(32, 4, 1)
        self.score = nn.Linear(16 + 8, 1)

    def forward(self, image, state):
        early = torch.relu(self.first(image))
        summary = early.mean(dim=(2, 3))
        gain = torch.sigmoid(self.gain(state))[:, :, None, None]
        deep = torch.relu(self.second(early)) * gain
        deep = torch.relu(self.third(deep)) + early
        score = self.score(torch.cat([deep.mean(dim=(2, 3)), state], dim=1))
        return self.map(torch.cat([deep, early], dim=1)), torch.sigmoid(score), summary


class Convolutions(nn.Module):
    """An image in, classes out."""

    def __init__(self):
        super().__init__()
        layers, width = [], 3
        for next_width in (32, 64, 64, 128):
            layers += [nn.Conv2d(width, next_width, 3, stride=2, padding=1), nn.BatchNorm2d(next_width), nn.ReLU()]
            width = next_width
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 100))

    def forward(self, image):
        return self.layers(image)


def export(module, inputs, path, external=False, **names):
    """Exports a module; its own random weights are the ones to test with."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), inputs, path, dynamo=True, external_data=external, verbose=False, optimize=True, **names
        )


def models(folder):
    """Name, file, inputs and symbolic dimensions of each model."""
    torch.manual_seed(7)
    attention = (torch.randn(1, 24, 64),)
    tokens = torch.export.Dim("tokens", min=2, max=512)
    export(
        Attention(), attention, folder / "attention.onnx", input_names=["tokens"], output_names=["classes"],
        dynamic_shapes={"tokens": {1: tokens}},
    )
    branches = (torch.randn(1, 3, 48, 48), torch.randn(1, 8))
    export(
        Branches(), branches, folder / "branches.onnx", input_names=["image", "state"],
        output_names=["map", "score", "summary"],
    )
    external = (torch.randn(1, 3, 96, 96),)
    export(
        Convolutions(), external, folder / "external.onnx", external=True, input_names=["image"],
        output_names=["classes"],
    )
    if not (folder / "external.onnx.data").is_file():
        sys.exit("error: the exporter wrote no external data, so there is nothing to test it with")
    return [
        ("attention", folder / "attention.onnx", attention, {"tokens": 24}),
        ("branches", folder / "branches.onnx", branches, {}),
        ("external", folder / "external.onnx", external, {}),
    ]


def daris(program, *arguments):
    """Runs daris and returns what it printed; a failure ends the check."""
    result = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    if result.returncode != 0:
        sys.exit(f"error: daris {' '.join(map(str, arguments))} ended with {result.returncode}:\n{result.stderr}")
    return result.stdout


def session(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def difference(whole, folder, feeds):
    """The largest difference between the model and its stages, over the largest element of the output."""
    outputs = [output.name for output in whole.get_outputs()]
    expected = dict(zip(outputs, whole.run(outputs, feeds)))
    tensors = dict(feeds)
    for entry in json.loads((folder / "stages.json").read_text())["stages"]:
        stage = session(folder / entry["file"])
        given = {value.name: tensors[value.name] for value in stage.get_inputs()}
        tensors.update(zip(entry["outputs"], stage.run(entry["outputs"], given)))
    worst = 0.0
    for name in outputs:
        if tensors[name].shape != expected[name].shape:
            sys.exit(f"error: output '{name}' has the shape {tensors[name].shape}, not {expected[name].shape}")
        worst = max(worst, numpy.abs(tensors[name] - expected[name]).max() / numpy.abs(expected[name]).max())
    return float(worst)


def run(program, name, path, dimensions, folder):
    """Runs a model as a task of each priority; returns how many jobs were completed."""
    file = folder / f"{name}.yaml"
    sizes = ", ".join(f"{symbol}: {value}" for symbol, value in dimensions.items())
    file.write_text(
        f"models:\n  {name}: {{file: {path.name}, stages: 3{', dimensions: {' + sizes + '}' if sizes else ''}}}\n"
        f"tasks:\n"
        f"  - {{name: front, model: {name}, rate: 10 Hz, priority: high, phase: 0 s}}\n"
        f"  - {{name: side, model: {name}, rate: 10 Hz, priority: low, phase: 50 ms}}\n"
        f"run: {{duration: 500 ms}}\n"
    )
    report = json.loads(daris(program, "run", file, "--json"))
    jobs = report["jobs"]
    if report["errors"] or jobs["completed"] != 10 or jobs["released"] != 10:
        sys.exit(f"error: daris run {file.name} completed {jobs['completed']} of 10 jobs: {report['errors']}")
    return jobs["completed"]


def check(program, folder):
    cuts = failed = 0
    made = models(folder)
    for name, path, inputs, dimensions in made:
        whole = session(path)
        feeds = {value.name: tensor.numpy() for value, tensor in zip(whole.get_inputs(), inputs)}
        options = [option for symbol, value in dimensions.items() for option in ("--dimension", f"{symbol}={value}")]
        for count in CUTS:
            stages = folder / f"{name}-{count}"
            daris(program, "split", path, "--stages", count, "-o", stages, *options)
            worst = difference(whole, stages, feeds)
            passed = worst <= TOLERANCE
            cuts += 1
            failed += not passed
            print(f"{name:10} {count} stages  largest difference {worst:.1e}  {'ok' if passed else 'TOO LARGE'}")
        print(f"{name:10} daris run completed {run(program, name, path, dimensions, folder)} jobs")
    print(f"{len(made)} models, {cuts} cuts: " + (f"{failed} failed" if failed else "passed"))
    return 1 if failed else 0


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daris", help="the program; otherwise that of .build/release or .build/debug")
    parser.add_argument("--keep", metavar="FOLDER", help="write models and stages there, and leave them")
    options = parser.parse_args()
    built = [root / ".build" / kind / "daris" for kind in ("release", "debug")]
    program = options.daris or next((str(path) for path in built if path.is_file()), None)
    if program is None:
        sys.exit("error: daris is not built; run 'swift build' first, or name it with --daris")
    program = os.path.abspath(program)
    with tempfile.TemporaryDirectory(prefix="daris-pytorch-") as temporary:
        # Nothing of the user's cache is read or changed.
        os.environ["XDG_CACHE_HOME"] = temporary + "/cache"
        folder = pathlib.Path(options.keep or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return check(program, folder)


if __name__ == "__main__":
    sys.exit(main())
