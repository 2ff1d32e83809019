#!/usr/bin/env python3
"""Holds the model of a large card against what a check of it measured, and the rules of batching against that model.

usage: large_card.py DARIS

The runs of the scheduler in the check were used in no fit. The four task sets are those of 'daris gpu-check': the paper's, with as
many tasks as ask for 1.5 times the batching that was recorded.
"""
import json
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

daris = sys.argv[1]
results = Path(__file__).resolve().parents[2] / "results" / "h200-2026-11-26-2"
# Task set: tasks of (network, period in ns, HP, LP), recorded batching a second, and the least part of it that is kept.
SETS = {
    "resnet18": ([("resnet18", 33308083, 277, 554)], 16632.6, 0.98),
    "unet": ([("unet", 41808426, 46, 91)], 2184.6, 1.25),
    "inception_v3": ([("inception_v3", 41605599, 169, 338)], 8123.9, 1.00),
    "mixed": ([("resnet18", 33335919, 72, 158), ("unet", 41669898, 29, 43), ("inception_v3", 41669898, 43, 57)], 7351.4, 1.08),
}
failures = 0


def check(name, ok, detail):
    global failures
    print(f"{'ok' if ok else 'FAILED'}  {name}: {detail}")
    failures += not ok


def run(*arguments):
    return json.loads(subprocess.run(
        [daris, *map(str, arguments), "--json"], check=True, capture_output=True, text=True).stdout)


rows = run("reproduce", "--measured", results, "--seeds", 1)["rows"]
error = lambda row, key: abs(row["simulated"][key] / row["measured"][key] - 1)
level = lambda rate: 0 if (rate or 0) < 0.02 else 1 if rate <= 0.2 else 2
batched = [row for row in rows if not row["is_mps"] and row["largest_batch"] > 1]
single = [row for row in rows if not row["is_mps"] and row["largest_batch"] == 1]
for name, group, most in (("with batches", batched, 0.05), ("job by job", single, 0.08)):
    found = statistics.median(error(row, "jps") for row in group)
    check(f"JPS of {len(group)} runs {name}", found <= most, f"median error {found:.3f} (at most {most})")
found = statistics.median(error(row, "hp_response_ms") for row in batched + single)
check("HP response of all of them", found <= 0.15, f"median error {found:.3f} (at most 0.15)")
agreeing = sum(level(row["measured"].get("lp_dmr")) == level(row["simulated"].get("lp_dmr")) for row in batched)
check("LP misses low, some or many", agreeing >= 10, f"right in {agreeing} of {len(batched)} (at least 10; wished for 13)")


def simulate(case):
    name, seed = case
    groups, batching, _ = SETS[name]
    text = "device: h200\npartition: {contexts: 1, streams: 3, kind: streams}\nscheduler: {batching: 64}\nmodels:\n"
    text += "".join(f"  {network}: {{builtin: {network}}}\n" for network, *_ in groups) + "tasks:\n"
    for network, period, high, low in groups:
        for priority, count in (("high", high), ("low", low)):
            text += (f"  - {{name: {network}-{priority}, model: {network}, period: {period} ns, priority: {priority}, "
                     f"count: {count}, overrun: {{queue: 1}}}}\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.yaml"
        path.write_text(text + f"run: {{duration: 2 s, seed: {seed}}}\n")
        report = run("simulate", path)
    return name, report["jps"] / batching, report["hp"]["dmr"], report["lp"]["dmr"], report["lp"]["acceptance"]


with ThreadPoolExecutor(2) as pool:
    runs = list(pool.map(simulate, [(name, seed) for name in SETS for seed in range(1, 6)]))
for name, (_, _, least) in SETS.items():
    own = [run for run in runs if run[0] == name]
    ratio = statistics.median(run[1] for run in own)
    high, low = max(run[2] for run in own), max(run[3] for run in own)
    check(f"{name} at 1.5 times batching", ratio >= least and high == 0 and low < 0.01,
          f"{ratio:.3f} of it (at least {least}), HP DMR {high:.4f} (0), LP DMR {low:.4f} (below 0.01), "
          f"{statistics.median(run[4] for run in own):.0%} accepted, the worst of 5 seeds")
sys.exit(1 if failures else 0)
