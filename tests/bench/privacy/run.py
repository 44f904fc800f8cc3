#!/usr/bin/env python3
"""What the relay's operator learns from a simulated hospital's traffic: docs/privacy.md.

`cargo xtask bench privacy` installs numpy and runs this. Without flags it measures the full
profile and writes the figures and the document; with --check it writes nothing, and fails if a
figure of the product is worse than the committed interval or a mutant is not detected.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tessera_privacy import moments, operator, population, report, timing, traffic
from tessera_privacy.rules import MUTANTS, PRODUCT, PRODUCT_DEFAULTS, VARIANTS
from tessera_privacy.statistics import share

HERE = Path(__file__).parent
FIGURES = HERE / "figures.json"
DOCUMENT = HERE.parents[2] / "docs" / "privacy.md"


@dataclass(frozen=True)
class Profile:
    name: str
    days: int
    horizons: tuple
    seeds: tuple
    variants: tuple


PROFILES = {
    "quick": Profile("quick", 90, (90,), (1,), PRODUCT + MUTANTS),
    "full": Profile("full", 365, (90, 365), (1,), tuple(VARIANTS)),
}


def measure(profile, variant, seed):
    """Guesses by question, and what the rule costs."""
    start = time.monotonic()
    people = population.make(population.Assumptions(days=profile.days, seed=seed))
    rules = VARIANTS[variant]
    run = traffic.simulate(people, rules)
    if rules.requests_wait:
        right = timing.identify(run, profile.horizons, seed)
    else:
        right = operator.identify(run, profile.horizons, seed)
    if rules.urgent == "extra-slots" and variant in PRODUCT:
        right |= moments.identify(run, profile.horizons, seed)
    batch = traffic.posted(run).mean() + PRODUCT_DEFAULTS["relay_cover_cells"]
    batch_bytes = batch * PRODUCT_DEFAULTS["cell_bytes"]
    by_patient = (run.kind == traffic.MESSAGE) & (
        people.role[run.sender] == population.Role.PATIENT
    )
    print(f"{variant}, seed {seed}: {time.monotonic() - start:.0f} s", flush=True)
    return {
        "right": {report.key(*question): values for question, values in right.items()},
        "whole_mb_a_day": batch_bytes * population.DAY / rules.epoch / 1e6,
        "hours_until_left": np.median((run.left - run.written)[by_patient]) / population.HOUR,
    }


def measure_all(profile, jobs):
    with ProcessPoolExecutor(jobs) as pool:
        runs = {
            variant: [pool.submit(measure, profile, variant, seed) for seed in profile.seeds]
            for variant in profile.variants
        }
        return {variant: combined([run.result() for run in of]) for variant, of in runs.items()}


def combined(runs):
    """Guesses of all seeds together, means of the costs."""
    questions = runs[0]["right"]
    return {
        "guesses": {
            name: share(np.concatenate([run["right"][name] for run in runs])) for name in questions
        },
        "whole_mb_a_day": float(np.mean([run["whole_mb_a_day"] for run in runs])),
        "hours_until_left": float(np.mean([run["hours_until_left"] for run in runs])),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="90 days, one seed, four rules")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    profile = PROFILES["quick" if options.quick else "full"]
    measured = measure_all(profile, options.jobs)
    print(report.destinations(profile, measured))
    print(report.moments(profile, measured))
    committed = report.load(FIGURES).get(profile.name)
    failures = report.failures(committed or measured, measured)
    for line in failures:
        print(f"worse: {line}", file=sys.stderr)
    if not options.check:
        report.store(FIGURES, profile.name, measured)
        if profile.name == "full":
            report.write_document(DOCUMENT, profile, measured)
    print(f"{len(measured)} rules measured, {len(failures)} worse than committed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
