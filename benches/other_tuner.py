#!/usr/bin/env python3
"""Kernel Tuner's strategies on the recorded spaces of this tool, in its simulation mode.

    python3 -m venv venv && venv/bin/pip install kernel-tuner
    venv/bin/python benches/other_tuner.py SPACE.space.gz... [--runs 11] [--evals 300] [--strategies pso,...]

Prints for each space and strategy, over the runs: the median of the distinct measurements until a time within 98 % of the optimum,
and the median share of the optimum after 3 % of the space or 64 measurements, whichever is more. `bitsmith replay` prints the same of
our own strategies.
"""

import argparse
import contextlib
import gzip
import io
import json
import random
import re
import statistics
import tempfile
from pathlib import Path

import kernel_tuner
import numpy

STRATEGIES = "pso,firefly_algorithm,genetic_algorithm,diff_evo,simulated_annealing,bayes_opt,mls,greedy_ils,dual_annealing"
ERROR = "RuntimeFailedConfig"


def parameters(schedule):
    """A schedule as parameters of one value each; sizes of cache blocks as whether there is a block."""
    knobs = schedule.split(".")
    found = {"tile": knobs[0]}
    for knob in knobs[1:]:
        word = re.match("[a-z]+", knob).group()
        sizes = knob[len(word) :]
        if word == "c":
            found.update({f"c{i}": int(size != "0") for i, size in enumerate(sizes.split("x"))})
        elif sizes:
            found[word] = sizes if "x" in sizes else int(sizes)
        else:
            found["staging" if word in ("raw", "staged") else "order"] = word
    return found


def read(path):
    """The cache of a space, by the values of its parameters."""
    rows = gzip.open(path, "rt").read().splitlines()[2:]
    split = [row.split(",") for row in rows]
    every = [parameters(schedule) for schedule, _, _ in split]
    names = sorted({name for one in every for name in one})
    keys = [name for name in names if len({one.get(name, 0) for one in every}) > 1]
    cache = {}
    for one, (_, ns, seconds) in zip(every, split):
        entry = {key: one.get(key, 0) for key in keys}
        name = ",".join(str(value) for value in entry.values())
        time = float(ns) / 1e6 if ns else ERROR
        spent = {"compile_time": float(seconds) * 1e3, "verification_time": 0, "benchmark_time": 0.0}
        other = {"strategy_time": 0, "framework_time": 0, "timestamp": "2026-01-01 00:00:00+00:00"}
        cache[name] = {**entry, "time": time, "times": [0.0 if time == ERROR else time], **spent, **other}
    assert len(cache) == len(rows), f"{path}: schedules that are the same parameters"
    return keys, cache


def play(keys, cache, strategy, seed, evals, path):
    """Distinct times in the order in which they were asked for."""
    tune = {key: sorted({entry[key] for entry in cache.values()}, key=str) for key in keys}

    def legal(*values, **named):
        chosen = named or (values[0] if isinstance(values[0], dict) else dict(zip(keys, values)))
        return ",".join(str(chosen[key]) for key in keys) in cache

    random.seed(seed)
    numpy.random.seed(seed)
    options = {"max_fevals": min(evals, len(cache))}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        results, _ = kernel_tuner.tune_kernel(
            "k", "void k(){}", 1, [], tune, restrictions=legal, strategy=strategy, strategy_options=options,
            cache=str(path), simulation_mode=True, lang="C", quiet=True,
        )
    times = {}
    for result in results:
        name = ",".join(str(result[key]) for key in keys)
        times.setdefault(name, result["time"] if isinstance(result["time"], float) else float("inf"))
    return list(times.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spaces", nargs="+", type=Path)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--evals", type=int, default=300)
    parser.add_argument("--strategies", default=STRATEGIES)
    args = parser.parse_args()
    for space in args.spaces:
        keys, cache = read(space)
        optimum = min(entry["time"] for entry in cache.values() if entry["time"] != ERROR)
        head = {"schema_version": "1.1.0", "device_name": "cpu", "kernel_name": "k", "problem_size": 1, "objective": "time"}
        values = {key: sorted({entry[key] for entry in cache.values()}, key=str) for key in keys}
        budget = min(max(-(-len(cache) * 3 // 100), 64), len(cache))
        for strategy in args.strategies.split(","):
            tries, shares = [], []
            for seed in range(args.runs):
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / "cache.json"
                    path.write_text(json.dumps({**head, "tune_params_keys": keys, "tune_params": values, "cache": cache}))
                    times = play(keys, cache, strategy, seed, args.evals, path)
                good = (i + 1 for i, time in enumerate(times) if optimum / time >= 0.98)
                tries.append(next(good, float("inf")))
                shares.append(optimum / min(times[:budget]))
            name = space.name.split(".")[0]
            median = statistics.median(tries)
            print(f"{name:14} {len(cache):6} {strategy:20} tries to 98 % {median:6} after {budget} {statistics.median(shares):.4f}", flush=True)


if __name__ == "__main__":
    main()
