"""What the operator infers from the moments of extra slots alone.

An extra slot has one cell for every bucket, so its cells tell nothing; that it was sent tells that
this address had something to send. Do a patient's and a clinician's moments go together?
"""

import numpy as np

from .operator import guess_clinicians, patients_asked_about
from .population import CLINICIANS, DAY, HOUR, WEEK
from .statistics import cumulative

# An answer is looked for this long after a patient's extra slot.
EARLIEST, LATEST = 1800.0, 10 * HOUR


def identify(traffic, horizons, seed):
    """Whether each guess of the clinician was right, by (horizon in days, group, question)."""
    population = traffic.population
    rng = np.random.default_rng([seed, 9])
    order = np.lexsort((traffic.extra_time, traffic.extra_owner))
    owners, times = traffic.extra_owner[order], traffic.extra_time[order]
    starts = np.searchsorted(owners, np.arange(population.assumptions.people + 1))
    moments = [times[a:b] for a, b in zip(starts, starts[1:])]
    right = {}
    for group, people in patients_asked_about(population, rng).items():
        features = np.stack([_features(traffic, moments, u, horizons) for u in people])
        for k, days in enumerate(horizons):
            key = (days, group, "clinician by moments")
            right[key] = guess_clinicians(population, people, features[:, k], rng)
    return right


def _features(traffic, moments, person, horizons):
    pairs = np.zeros((len(horizons), CLINICIANS, 4), np.float32)
    mine = slice(int(traffic.offset[person]), int(traffic.offset[person + 1]))
    opened = traffic.slot_time[mine][traffic.slot_opens[mine]]
    written = moments[person]
    if not len(opened) or not len(written):
        return pairs
    wrote = np.zeros(len(opened))
    wrote[np.unique(np.maximum(np.searchsorted(opened, written, "right") - 1, 0))] = 1
    more = wrote - wrote.mean()
    openings = np.concatenate([[opened[0] - 3 * DAY], opened])
    weeks = np.array([[0], [-WEEK], [WEEK]])
    earliest, latest = written + weeks + EARLIEST, written + weeks + LATEST
    until = np.array(horizons) * DAY
    by_opening, by_message = np.searchsorted(opened, until), np.searchsorted(written, until)
    for c in range(CLINICIANS):
        theirs = moments[c]
        if not len(theirs):
            continue
        # Does the patient write more often after this clinician wrote?
        between = np.diff(theirs.searchsorted(openings))
        alone = np.where(between > 0, 1 / (1 + between), 0)
        pairs[:, c, :2] = cumulative(more * np.stack([between > 0, alone]))[:, by_opening].T
        # Does this clinician write more often after the patient than a week before or after?
        answers, *others = theirs.searchsorted(latest) - theirs.searchsorted(earliest)
        usual = np.mean(others, 0)
        rate = (answers - usual) / (1 + usual)
        some = (answers > 0) - (np.array(others) > 0).mean(0)
        pairs[:, c, 2:] = cumulative(np.stack([rate, some]))[:, by_message].T
    return pairs
