#!/usr/bin/env python3
"""Tells the races in logs of the thread sanitizer from those that are none.

The sanitizer does not see Swift's `Mutex`: a thread that has to wait for one takes it within the standard library, which is
not instrumented. So it reports accesses that a mutex orders. Both sides of such a report run in the closure of a
`withLock`; what is left after those is printed, and the exit code is 1.

usage: races.py PREFIX   where the logs are PREFIX.PID, of which there may be none
"""

import collections
import glob
import re
import sys

# A closure whose one parameter is `inout sending`, called where it is written: the body of `withLock`.
LOCKED = re.compile(r"zYuYT\w*XEfU\d*_")
ACCESS = re.compile(r"access of Swift variable at|(?:read|write) of size \d+ at", re.I)


def sides(report):
    """The stacks of the two accesses: the paragraphs that begin with what was accessed."""
    return [part for part in report.split("\n\n") if ACCESS.search(part.split("    #0")[0])]


def main():
    found = collections.Counter()
    shown = {}
    locked = 0
    for path in glob.glob(glob.escape(sys.argv[1]) + ".*"):
        for report in open(path, errors="replace").read().split("=================="):
            if "WARNING: ThreadSanitizer" not in report:
                continue
            both = sides(report)
            if len(both) == 2 and all(LOCKED.search(side) for side in both):
                locked += 1
                continue
            summary = re.search(r"^SUMMARY: (.*)$", report, re.M)
            key = summary.group(1) if summary else report[:200]
            found[key] += 1
            shown.setdefault(key, report)
    for key, count in found.most_common():
        print(f"{count} × {key}\n{shown[key].strip()}\n")
    print(f"races: {sum(found.values())} reports of {len(found)} kinds; {locked} of accesses that a mutex orders left out")
    sys.exit(1 if found else 0)


main()
