"""report - what every fault program of this folder shares: its arguments, its seed, its last line."""
import json
import os
import random
import signal
import sys
import time


class Report:
    """Collects figures and prints them as one JSON object. A violation is printed at once, with how to repeat it."""

    def __init__(self, fault):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that children are ended
        if len(sys.argv) < 2:
            raise SystemExit(f"usage: {os.path.basename(sys.argv[0])} BUILD-FOLDER [POINT...]")
        self.build = os.path.abspath(sys.argv[1])
        self.only = sys.argv[2:]  # the point of a violation, to repeat it alone
        self.long = os.environ.get("BERTH_LONG", "") not in ("", "0")
        # The default run is the same each time; the long form draws a seed. BERTH_SEED repeats a run.
        drawn = int.from_bytes(os.urandom(4), "big") if self.long else 1
        self.seed = int(os.environ.get("BERTH_SEED", "0")) or drawn or 1
        self.random = random.Random(self.seed)
        self.began = time.monotonic()
        self.figures = {"fault": fault, "form": "long" if self.long else "short", "seed": self.seed}
        self.violations = []
        print(f"{fault}: {self.figures['form']} form, seed {self.seed}", file=sys.stderr, flush=True)

    def in_time(self, point, what, took_ms, limit_ms):
        """A check of times: only in the long form, which has the machine for itself; else only the figure is reported."""
        if self.long and took_ms > limit_ms:
            self.violate(point, [f"{what} within {limit_ms} ms, not {took_ms:.0f}"])

    def violate(self, point, sentences):
        for sentence in sentences:
            self.violations.append(f"{point}: {sentence}")
            print(f"VIOLATION at {point}: {sentence}", file=sys.stderr, flush=True)

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def seconds(self):
        return time.monotonic() - self.began

    def sample(self, points, count):
        """All of them in the long form; else so many (or BERTH_POINTS), spread over all of them by the seed."""
        count = int(os.environ.get("BERTH_POINTS", count))
        if self.only:
            return self.only
        if self.long or len(points) <= count:
            return list(points)
        stride = len(points) / count
        return [points[int(stride * (i + self.random.random()))] for i in range(count)]

    def end(self, **figures):
        self.figures.update(figures)
        self.figures["seconds"] = round(self.seconds(), 1)
        self.figures["violations"] = len(self.violations)
        if self.violations:
            self.figures["first"] = self.violations[:5]
        print(json.dumps(self.figures), flush=True)
        sys.exit(1 if self.violations else 0)


def quantile(values, share):
    """0.5 is the median; 0 when there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0
