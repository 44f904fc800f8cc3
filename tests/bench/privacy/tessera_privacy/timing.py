"""What the operator infers when requests wait until cells were opened.

The request after a batch that held mail then comes later. Somebody who times requests so knows in
which batches a person found something, and intersects the clinicians whose portals were open in
those epochs: presence alone names the one who is always there.
"""

import numpy as np

from .operator import patients_asked_about
from .population import CLINICIANS, DAY, HOUR

# How well delays tell batches with mail from others: an area under the curve of about 0.85.
TOLD, FALSELY_TOLD = 0.75, 0.05
# Batches read together: a portal that was closed for long reads segments of six hours.
SEGMENT = 6 * HOUR
# Of a person's mail, what comes from the clinician in question.
SHARE = 0.5


def identify(traffic, horizons, seed):
    """Whether each guess of the clinician was right, by (horizon in days, group, question)."""
    population, epoch = traffic.population, float(traffic.rules.epoch)
    rng = np.random.default_rng([seed, 13])
    present = _slots_by_epoch(traffic, int(population.seconds // epoch) + 2)
    order = np.argsort(traffic.recipient, kind="stable")
    recipients = traffic.recipient[order]
    right = {}
    for group, people in patients_asked_about(population, rng).items():
        hits = np.zeros((len(people), len(horizons)), bool)
        for i, person in enumerate(people):
            a, b = np.searchsorted(recipients, [person, person + 1])
            mail = order[a:b]
            scores, at = _scores(traffic, mail, present, rng)
            true = int(population.primary[person])
            strangers = np.setdiff1d(np.arange(CLINICIANS), population.contacts[person])
            for k, days in enumerate(horizons):
                z = scores[:, np.searchsorted(at, days * DAY)] + rng.random(CLINICIANS) * 1e-9
                hits[i, k] = z[true] > z[strangers].max()
        for k, days in enumerate(horizons):
            right[days, group, "clinician"] = hits[:, k]
    return right


def _slots_by_epoch(traffic, epochs):
    """Slots of each clinician up to each epoch."""
    clinicians = slice(0, int(traffic.offset[CLINICIANS]))
    slots = np.zeros((CLINICIANS, epochs + 1), np.float32)
    epoch = (traffic.slot_time[clinicians] // traffic.rules.epoch).astype(int)
    np.add.at(slots, (traffic.slot_owner[clinicians], epoch + 1), 1)
    return np.cumsum(slots, 1)


def _scores(traffic, mail, present, rng):
    """Log-likelihoods by clinician, summed over what was told, in order of time."""
    epoch, seconds = float(traffic.rules.epoch), traffic.population.seconds
    pulled = traffic.pulled[mail]
    mail, pulled = mail[np.isfinite(pulled)], pulled[np.isfinite(pulled)]
    sent = (traffic.left[mail] // epoch).astype(int)
    segment = ((sent + 1) * epoch // SEGMENT).astype(int)
    whole = (segment + 1) * SEGMENT <= np.floor(pulled / epoch) * epoch
    first = np.where(whole, np.maximum(segment * SEGMENT / epoch - 1, 0), sent).astype(int)
    last = np.where(whole, (segment + 1) * SEGMENT / epoch - 1, sent + 1).astype(int)
    told = rng.random(len(mail)) < TOLD
    first, last, pulled = first[told], last[told], pulled[told]
    false = rng.binomial(4 * len(mail), FALSELY_TOLD)
    at_random = rng.integers(0, int((seconds - DAY) // epoch), false)
    first = np.concatenate([first, at_random])
    last = np.concatenate([last, at_random + int(SEGMENT // epoch)])
    pulled = np.concatenate([pulled, (at_random + SEGMENT // epoch + 1) * epoch])
    was_there = present[:, last] - present[:, first] > 0
    usual = np.maximum(was_there.mean(0), 1e-3)
    odds = np.log(np.where(was_there, SHARE / usual + 1 - SHARE, 1 - SHARE))
    order = np.argsort(pulled)
    sums = np.cumsum(odds[:, order], 1)
    return np.concatenate([np.zeros((CLINICIANS, 1)), sums], 1), pulled[order]
