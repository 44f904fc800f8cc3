#!/usr/bin/env python3
"""What cells in batches cost together, by Google's dp-accounting.

Writes oracle.json beside this file; tests/privacy/oracle.rs compares the
project's own accountant with it. To run it again:

    python3 -m venv venv && venv/bin/pip install dp-accounting==0.6.0
    venv/bin/python tests/privacy/oracle.py

The distributions are made here from their formulas in floating point, not
from the project's tables. dp-accounting rounds privacy losses to a grid:
once up (pessimistic) and once down (optimistic), so that the true value lies
between the two.
"""

import json
import math
import pathlib
from importlib.metadata import version

from dp_accounting.pld import privacy_loss_distribution as pld


def laplace(epsilon, sensitivity, mean):
    return [-abs(n - mean) * epsilon / sensitivity for n in range(2 * mean + 1)]


def gaussian(sigma, mean):
    return [-((n - mean) ** 2) / (2 * sigma * sigma) for n in range(2 * mean + 1)]


def normalised(logs):
    total = math.log(math.fsum(math.exp(x) for x in logs))
    return [x - total for x in logs]


def distribution(logs, cells, pessimistic, interval):
    """Counts without (lower) and with (upper) `cells` more cells in a batch."""
    lower = {n: p for n, p in enumerate(logs)}
    upper = {n + cells: p for n, p in enumerate(logs)}
    return pld.from_two_probability_mass_functions(
        lower,
        upper,
        pessimistic_estimate=pessimistic,
        value_discretization_interval=interval,
        symmetric=True,
    )


def composed(logs, changes, pessimistic, interval):
    """All changes together: of each, `cells` more cells in each of `batches` batches."""
    parts = [
        distribution(logs, cells, pessimistic, interval).self_compose(batches)
        for cells, batches in changes
    ]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.compose(part)
    return whole


def case(mechanism, parameters, logs, changes, epsilons):
    interval = 1e-5 if sum(batches for _, batches in changes) <= 200 else 1e-4
    logs = normalised(logs)
    inside = math.fsum(
        batches * math.log1p(-math.fsum(math.exp(p) for p in logs[-cells:]))
        for cells, batches in changes
    )
    delta = 2 * -math.expm1(inside)
    result = dict(mechanism=mechanism, **parameters, changes=changes, deltas=[])
    high = composed(logs, changes, True, interval)
    low = composed(logs, changes, False, interval)
    for epsilon in epsilons:
        result["deltas"].append(
            dict(
                epsilon=epsilon,
                least=low.get_delta_for_epsilon(epsilon),
                most=high.get_delta_for_epsilon(epsilon),
            )
        )
    result["epsilon"] = dict(
        delta=delta,
        least=low.get_epsilon_for_delta(delta),
        most=high.get_epsilon_for_delta(delta),
    )
    return result


# A client's slots change all of eight buckets: one slot, two visits with two slots each, and a day with the
# portal open for eight hours.
SLOTS = [[(1, 8)], [(2, 16)], [(2, 8), (1, 128)]]


def main():
    cases = []
    for epsilon, sensitivity, mean in [(0.1, 1, 109), (1.0, 1, 14), (0.1, 1, 178), (0.1, 2, 217), (0.25, 1, 47)]:
        logs = laplace(epsilon, sensitivity, mean)
        parameters = dict(epsilon_cell=epsilon, sensitivity=sensitivity, mean=mean)
        for changes in [[(1, 1)], [(2, 1)], [(1, 2)], [(1, 10)], [(2, 8)], [(4, 16)], [(2, 2920)], *SLOTS]:
            if epsilon == 1.0 and changes[0][1] > 1000:
                continue  # ε in the thousands, where their grid is too coarse to bracket it
            total = epsilon * sum(cells * batches for cells, batches in changes) / sensitivity
            epsilons = [total * share for share in (0.25, 0.5, 0.9, 1.01)] if total < 20 else [1.0, 5.0, 10.0]
            cases.append(case("laplace", parameters, logs, changes, epsilons))
    for sigma, mean in [(13.75, 72), (13.86, 72), (7.41, 32)]:
        logs = gaussian(sigma, mean)
        for changes in [[(1, 1)], [(1, 10)], [(2, 8)], [(1, 48)], [(2, 336)], *SLOTS]:
            cases.append(case("gaussian", dict(sigma=sigma, mean=mean), logs, changes, [0.25, 0.5, 1.0, 2.0, 5.0]))
    answer = dict(made_with=f"dp-accounting {version('dp-accounting')}", cases=cases)
    path = pathlib.Path(__file__).with_name("oracle.json")
    path.write_text(json.dumps(answer, indent=1) + "\n")
    print(f"{len(cases)} cases in {path}")


main()
