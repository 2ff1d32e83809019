#!/usr/bin/env python3
"""Compares simulations of the paper's four task sets with what they gave before, to the last digit.

usage: digests.py DARIS           compares with digests.json
       digests.py DARIS --store   writes it anew, after a change that is meant

A simulation is the same on every machine. So whatever rebuilds the scheduler without changing what it decides changes
nothing here; and where something differs, its first figures say how much.
"""
import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

here = Path(__file__).resolve().parent
examples = here.parents[1] / "examples"
stored = here / "digests.json"
daris = sys.argv[1]
CASES = [
    f"paper-{name}.yaml --seed {seed} --batching {batching}"
    for name in ("resnet18", "unet", "inception_v3", "mixed")
    for batching in ("off", "on")
    for seed in range(1, 6)
]


def simulate(case):
    arguments = case.split()
    text = subprocess.run(
        [daris, "simulate", examples / arguments[0], *arguments[1:], "--duration", "2s", "--json"],
        check=True, capture_output=True, text=True).stdout
    report = json.loads(text)
    del report["daris"]  # the version of the program
    # Counted since the digests were stored; only a server has requests.
    for figures in [report["hp"], report["lp"], *(task["figures"] for task in report["tasks"])]:
        assert figures.pop("refused") == 0 and figures.pop("expired") == 0
    digest = hashlib.sha256(json.dumps(report, sort_keys=True).encode()).hexdigest()[:32]
    return {
        "digest": digest, "released": report["jobs"]["released"], "completed": report["jobs"]["completed"],
        "hp_missed": report["hp"]["missed"], "lp_missed": report["lp"]["missed"], "migrations": report["migrations"],
    }


with ThreadPoolExecutor(2) as pool:
    found = dict(zip(CASES, pool.map(simulate, CASES)))
if "--store" in sys.argv[2:]:
    lines = ",\n".join(f"  {json.dumps(case)}: {json.dumps(figures)}" for case, figures in found.items())
    stored.write_text("{\n" + lines + "\n}\n")
    print(f"{len(found)} digests stored")
else:
    before = json.loads(stored.read_text())
    different = [case for case in CASES if before.get(case) != found[case]]
    for case in different:
        print(f"FAILED  {case}\n  before: {before.get(case)}\n  now:    {found[case]}")
    print(f"{len(found) - len(different)} of {len(found)} simulations are what they were")
    sys.exit(1 if different else 0)
