"""People: a hospital with clinicians, laboratories and patients, the same for every rule.

Nothing here is measured. The numbers are assumptions about a hospital of 10 000 patients, chosen
so that habits exist for an operator to find: weekly appointments, office hours, evening readers.
"""

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

HOUR = 3600.0
DAY = 24 * HOUR
WEEK = 7 * DAY

CLINICIANS = 200
LABORATORIES = 10
FIRST_PATIENT = CLINICIANS + LABORATORIES


class Role(IntEnum):
    CLINICIAN = 0
    LABORATORY = 1
    PATIENT = 2


@dataclass(frozen=True)
class Assumptions:
    """What people do. Rates are means over patients."""

    people: int = 10_000
    days: int = 365
    seed: int = 1
    # Portal openings of a patient, gamma-distributed with shape 1.5.
    openings_per_week: float = 3.0
    # Share of a patient's sessions in which the tab stays open: a median of 90 minutes instead of 7.
    long_sessions: float = 0.25
    # Share of a patient's sessions in which a message is begun.
    writing_sessions: float = 0.12
    # Messages that a patient gets without having asked.
    unasked_per_week: float = 0.25
    # Share of patients who get a message at the same time every week: the easiest habit to find.
    weekly_patients: float = 0.08
    # Results on a working day, each to a patient with a copy to the clinician.
    results_per_day: int = 300


@dataclass
class Population:
    assumptions: Assumptions
    role: np.ndarray
    # Decides the bucket, as the key fingerprint does in the protocol.
    fingerprint: np.ndarray
    # Clinicians of each patient, and the one a patient writes to most.
    contacts: list
    primary: np.ndarray
    # Share of a patient's sessions in which a message is begun; unasked messages per week.
    writes: np.ndarray
    unasked: np.ndarray
    weekly: np.ndarray
    weekly_at: np.ndarray
    # Per person: when sessions start and when they end.
    sessions: list

    @property
    def seconds(self):
        return self.assumptions.days * DAY

    def buckets(self, count):
        return (self.fingerprint % np.uint64(count)).astype(np.int64)


def make(assumptions):
    rng = np.random.default_rng([assumptions.seed, 11])
    n = assumptions.people
    role = np.full(n, Role.PATIENT, np.int8)
    role[:CLINICIANS] = Role.CLINICIAN
    role[CLINICIANS:FIRST_PATIENT] = Role.LABORATORY
    patients = np.arange(FIRST_PATIENT, n)
    fingerprint = rng.integers(0, 2**32, n, dtype=np.uint64)
    contacts, primary = _contacts(n, patients, rng)

    def for_patients(values):
        full = np.zeros(n, values.dtype)
        full[FIRST_PATIENT:] = values
        return full

    rate = for_patients(
        np.maximum(0.3, rng.gamma(1.5, assumptions.openings_per_week / 1.5, len(patients)))
    )
    share = assumptions.writing_sessions
    writes = for_patients(rng.beta(1.2, 1.2 * (1 - share) / share, len(patients)))
    unasked = for_patients(rng.gamma(0.8, assumptions.unasked_per_week / 0.8, len(patients)))
    weekly = for_patients(rng.random(len(patients)) < assumptions.weekly_patients)
    weekly_at = rng.integers(0, 5, n) * DAY + (9 + rng.integers(0, 15, n) * 0.5) * HOUR
    sessions = [_sessions(role[u], rate[u], assumptions, rng) for u in range(n)]
    return Population(
        assumptions, role, fingerprint, contacts, primary, writes, unasked, weekly, weekly_at, sessions
    )


def _contacts(n, patients, rng):
    """Clinicians have 50 to 2 000 patients, with a density that falls with the square."""
    low, high = 50, 2000
    size = (1.0 / (1.0 / low - rng.random(CLINICIANS) * (1.0 / low - 1.0 / high))).astype(int)
    contacts = [[] for _ in range(n)]
    for clinician in range(CLINICIANS):
        count = min(size[clinician], len(patients))
        for patient in rng.choice(patients, count, replace=False):
            contacts[patient].append(clinician)
    for patient in patients:
        if not contacts[patient]:
            clinician = int(rng.integers(CLINICIANS))
            contacts[patient].append(clinician)
            size[clinician] += 1
    primary = np.full(n, -1)
    for patient in patients:
        weight = 1 / np.sqrt(size[contacts[patient]])
        primary[patient] = rng.choice(contacts[patient], p=weight / weight.sum())
    return contacts, primary


def _sessions(role, rate, assumptions, rng):
    if role == Role.PATIENT:
        start, length = _patient_sessions(rate, assumptions, rng)
    elif role == Role.CLINICIAN:
        start, length = _clinician_sessions(assumptions.days, rng)
    else:
        day = np.arange(assumptions.days)
        day = day[day % 7 < 5]
        start = day * DAY + rng.uniform(11.85, 12.15, len(day)) * HOUR
        length = np.full(len(day), 300.0)
    return _merged(start, start + length, assumptions.days * DAY)


def _patient_sessions(rate, assumptions, rng):
    count = rng.poisson(rate * assumptions.days / 7)
    day = rng.integers(0, assumptions.days, count)
    day = day[(day % 7 < 5) | (rng.random(count) < 0.8)]
    count = len(day)
    part = rng.choice(4, count, p=[0.2, 0.2, 0.45, 0.15])
    mean = np.array([8.0, 12.5, 19.5, 15.0])[part]
    deviation = np.array([1.0, 1.0, 1.8, 4.0])[part]
    start = day * DAY + np.mod(rng.normal(mean, deviation), 24.0) * HOUR
    long = rng.random(count) < assumptions.long_sessions
    length = np.where(
        long, rng.lognormal(math.log(5400), 0.9, count), rng.lognormal(math.log(420), 0.8, count)
    )
    return start, np.clip(length, 30, 12 * HOUR)


def _clinician_sessions(days, rng):
    day = np.arange(days)
    holiday = np.zeros(days, bool)
    for _ in range(max(1, round(3 * days / 365))):
        first = int(rng.integers(0, max(1, days - 6)))
        if days > 60:
            holiday[first : first + 7] = True
    day = day[(day % 7 < 5) & ~holiday & (rng.random(days) < 0.95)]
    count = len(day)
    start = day * DAY + rng.normal(8, 0.5, count) * HOUR
    end = day * DAY + rng.normal(17, 0.75, count) * HOUR
    lunch = rng.random(count) < 0.4
    noon = day * DAY + rng.normal(12.4, 0.3, count) * HOUR
    starts = np.concatenate([start, (noon + 2700)[lunch]])
    ends = np.concatenate([np.where(lunch, noon, end), end[lunch]])
    return starts, ends - starts


def _merged(start, end, until):
    """Sorted, and those that overlap joined."""
    order = np.argsort(start)
    starts, ends = [], []
    for a, b in zip(start[order], end[order]):
        if not 0 <= a < until:
            continue
        if starts and a <= ends[-1] + 1:
            ends[-1] = max(ends[-1], b)
        else:
            starts.append(float(a))
            ends.append(float(b))
    return starts, ends
