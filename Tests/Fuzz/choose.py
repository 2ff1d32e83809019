#!/usr/bin/env python3
"""Brings the inputs that add most coverage into a corpus: a few, so that it stays small.

usage: choose.py CONTROL CORPUS COUNT   where CONTROL is what libFuzzer's -merge_control_file wrote
"""

import hashlib
import os
import shutil
import sys

LONGEST = 8192


def main():
    control, corpus, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    lines = open(control, errors="replace").read().split("\n")
    files = lines[2 : 2 + int(lines[0])]
    edges = {}
    for line in lines[2 + len(files) :]:
        if line.startswith("FT "):
            numbers = line.split()[1:]
            edges[int(numbers[0])] = set(numbers[1:])
    known = set()
    for index in range(int(lines[1])):
        known |= edges.get(index, set())
    candidates = [i for i in edges if i >= int(lines[1]) and os.path.getsize(files[i]) <= LONGEST]
    for _ in range(count):
        best = max(candidates, key=lambda i: len(edges[i] - known), default=None)
        if best is None or not edges[best] - known:
            break
        print(f"{len(edges[best] - known)} new edges: {files[best]}")
        known |= edges[best]
        data = open(files[best], "rb").read()
        shutil.copyfile(files[best], os.path.join(corpus, "found-" + hashlib.sha256(data).hexdigest()[:8]))


main()
