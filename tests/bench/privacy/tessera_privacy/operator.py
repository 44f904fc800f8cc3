"""What the relay's operator infers, who sees when each connection posts how many cells to which bucket.

Two questions about a patient: in which bucket is the clinician this patient writes to most, and
which of all clinicians is it? The operator knows the rules, the population's averages, and which
half of the patients (of a training set) has which clinician; it is asked about the other half.
"""

from dataclasses import dataclass

import numpy as np

from .population import CLINICIANS, DAY, FIRST_PATIENT, WEEK, Role
from .statistics import cumulative, logistic

HABIT_BINS = 336
BINS = WEEK / HABIT_BINS
SLOT_FEATURES, BARE_FEATURES = 8, 4
NEGATIVES = 12


def patients_asked_about(population, rng, general=2000, weekly=1000):
    """Patients at random, and patients with a weekly message: the hardest to hide."""
    patients = np.arange(FIRST_PATIENT, population.assumptions.people)
    with_habit = patients[population.weekly[patients]]
    return {
        "all": rng.choice(patients, min(general, len(patients)), replace=False),
        "weekly": rng.choice(with_habit, min(weekly, len(with_habit)), replace=False),
    }


def identify(traffic, horizons, seed):
    """Whether each guess was right, by (horizon in days, group, question)."""
    population = traffic.population
    rng = np.random.default_rng([seed, 5])
    groups = patients_asked_about(population, rng)
    view = _View(traffic, horizons)
    right = {}
    for group, people in groups.items():
        evidence = [view.of_patient(person) for person in people]
        clinician = population.primary[people]
        for k, days in enumerate(horizons):
            buckets = np.stack([e.buckets[k] for e in evidence])
            buckets += rng.random(buckets.shape) * 1e-6  # ties are broken at random
            right[days, group, "bucket"] = buckets.argmax(1) == traffic.bucket[clinician]
            pairs = np.stack([e.pairs[k] for e in evidence])
            right[days, group, "clinician"] = guess_clinicians(population, people, pairs, rng)
    return right


def guess_clinicians(population, people, features, rng):
    """Whether the true clinician scores above all strangers; trained on the other half."""
    half = rng.random(len(people)) < 0.5
    truth = population.primary[people]
    strangers = [
        np.setdiff1d(np.arange(CLINICIANS), population.contacts[person]) for person in people
    ]
    right = np.zeros(len(people), bool)
    for side in (False, True):
        rows, labels = [], []
        for i in np.flatnonzero(half == side):
            chosen = rng.choice(strangers[i], NEGATIVES, replace=False)
            rows += [features[i, truth[i]][None], features[i, chosen]]
            labels += [[1], np.zeros(NEGATIVES)]
        score = logistic(np.concatenate(rows).astype(float), np.concatenate(labels))
        for i in np.flatnonzero(half != side):
            scores = score(features[i].astype(float)) + rng.random(CLINICIANS) * 1e-9
            right[i] = scores[truth[i]] > scores[strangers[i]].max()
    return right


@dataclass
class _Evidence:
    # Score by horizon and bucket; features by horizon and clinician.
    buckets: np.ndarray
    pairs: np.ndarray


class _View:
    """What is computed once about clinicians and averages."""

    def __init__(self, traffic, horizons):
        self.traffic, self.horizons = traffic, np.array(horizons) * DAY
        rules, population = traffic.rules, traffic.population
        self.epoch = float(rules.epoch)
        self.epochs = int(population.seconds // self.epoch) + 2
        self.bucket = traffic.bucket[:CLINICIANS]
        self._weigh_slots(population.role[traffic.slot_owner] == Role.PATIENT)
        self._clinicians()
        self._habits()
        order = np.argsort(traffic.bare_owner, kind="stable")
        self.bare_time, self.bare_bucket = traffic.bare_time[order], traffic.bare_bucket[order]
        owners = traffic.bare_owner[order]
        self.bare_start = np.searchsorted(owners, np.arange(population.assumptions.people + 1))

    def _weigh_slots(self, of_patient):
        """How much of a slot is real on average: more right after opening."""
        traffic = self.traffic
        real = traffic.real.sum(1)
        opening = real[of_patient & traffic.slot_opens].mean()
        later = real[of_patient & ~traffic.slot_opens]
        later = later.mean() if len(later) else 0.0
        self.weight = np.where(traffic.slot_opens, opening, later) / max(opening, 1e-9)
        self.usual = np.maximum(traffic.cells[of_patient].mean(0), 1e-9).astype(np.float32)

    def _clinicians(self):
        traffic, count = self.traffic, CLINICIANS
        first = slice(0, int(traffic.offset[count]))
        self.c_cells = traffic.cells[first].astype(np.float32)
        self.c_time = traffic.slot_time[first]
        self.c_offset = traffic.offset[: count + 1]
        buckets = self.c_cells.shape[1]
        self.c_sums = np.zeros((len(self.c_cells) + 1, buckets), np.float32)
        np.cumsum(self.c_cells, 0, out=self.c_sums[1:], dtype=np.float64)
        self.c_usual = np.zeros((count, buckets), np.float32)
        # A clinician's first slot after an epoch's end, and the first after its batches were read.
        boundary = np.arange(self.epochs) * self.epoch
        read = boundary + min(2.0, self.epoch / 5) + min(30.0, self.epoch / 10) / 2
        self.slot_after = np.zeros((count, self.epochs), np.int64)
        self.slot_after_reading = np.zeros((count, self.epochs), np.int64)
        for c in range(count):
            a, b = self.c_offset[c], self.c_offset[c + 1]
            self.slot_after[c] = a + np.searchsorted(self.c_time[a:b], boundary)
            self.slot_after_reading[c] = a + np.searchsorted(self.c_time[a:b], read)
            if b > a:
                self.c_usual[c] = self.c_cells[a:b].mean(0)
        self.c_end = self.c_offset[1:][:, None]
        self.c_padded = np.vstack([self.c_cells, np.zeros((4, buckets), np.float32)])

    def _habits(self):
        """For each clinician and bucket, the hour of the week that most exceeds the mean."""
        buckets = self.c_cells.shape[1]
        owner = np.repeat(np.arange(CLINICIANS), np.diff(self.c_offset))
        key = owner * HABIT_BINS + ((self.c_time % WEEK) // BINS).astype(int)
        shape, size = (CLINICIANS, HABIT_BINS), CLINICIANS * HABIT_BINS
        self.habit_time = np.zeros((len(self.horizons), CLINICIANS, buckets))
        self.habit_excess = np.zeros((len(self.horizons), CLINICIANS, buckets), np.float32)
        for k, until in enumerate(self.horizons):
            early = self.c_time < until
            slots = np.bincount(key[early], minlength=size).reshape(shape)
            slots = slots + np.roll(slots, -1, 1)
            for bucket in range(buckets):
                above = self.c_cells[early, bucket] - self.c_usual[owner[early], bucket]
                excess = np.bincount(key[early], weights=above, minlength=size).reshape(shape)
                # A habit may fall into either of two neighbouring slots.
                excess = (excess + np.roll(excess, -1, 1)) / np.sqrt(0.45 * slots + 1)
                best = excess.argmax(1)
                self.habit_time[k, :, bucket] = (best + 1) * BINS
                self.habit_excess[k, :, bucket] = excess[np.arange(CLINICIANS), best]

    def of_patient(self, person):
        traffic = self.traffic
        mine = slice(int(traffic.offset[person]), int(traffic.offset[person + 1]))
        time = traffic.slot_time[mine]
        excess = traffic.cells[mine].astype(np.float32) - self.usual
        weight = self.weight[mine].astype(np.float32)
        cut = np.searchsorted(time, self.horizons)
        buckets = cumulative((excess * weight[:, None]).T)[:, cut].T
        bare = slice(self.bare_start[person], self.bare_start[person + 1])
        bare_time, bare_bucket = self.bare_time[bare], self.bare_bucket[bare]
        for k, until in enumerate(self.horizons):
            sent = np.bincount(bare_bucket[bare_time < until], minlength=buckets.shape[1])
            buckets[k] += 50.0 * sent
        features = SLOT_FEATURES + (BARE_FEATURES if len(self.bare_time) else 0)
        pairs = np.zeros((len(self.horizons), CLINICIANS, features), np.float32)
        if len(time):
            own = int(traffic.bucket[person])
            toward = excess[:, self.bucket].T
            self._answers(pairs, own, time, toward, weight, cut)
            opens = np.flatnonzero(traffic.slot_opens[mine])
            self._openings(pairs, own, time, toward, opens, cut)
            self._weekly(pairs, own, time[opens], toward[:, opens])
            if len(self.bare_time):
                self._bare(pairs, own, time, toward, opens, bare_time, bare_bucket, cut)
        return _Evidence(buckets, pairs)

    def _answers(self, pairs, own, time, toward, weight, cut):
        """Cells to the clinician's bucket, and the clinician's next slots to this patient's."""
        pairs[:, :, 0] = cumulative(toward * weight)[:, cut].T
        published = np.minimum((time // self.epoch).astype(int) + 1, self.epochs - 1)
        following = self.slot_after_reading[:, published]
        for k in range(3):
            answer = self._excess_at(following + k, own)
            pairs[:, :, 1 + k] = cumulative(toward * answer)[:, cut].T

    def _excess_at(self, slots, own):
        cells = self.c_padded[np.minimum(slots, len(self.c_padded) - 1), own]
        return np.where(slots < self.c_end, cells - self.c_usual[:, own][:, None], 0)

    def _openings(self, pairs, own, time, toward, opens, cut):
        """What was published between two openings, and the first slot after."""
        now, before = self._epochs_around(time, opens)
        later, earlier = self.slot_after[:, now], self.slot_after[:, before]
        cells = self.c_sums[later, own] - self.c_sums[earlier, own]
        slots = (later - earlier).astype(np.float32)
        excess = (cells - self.c_usual[:, own][:, None] * slots) / (0.5 + 0.44 * slots)
        at_slots = np.zeros((CLINICIANS, len(time)), np.float32)
        at_slots[:, opens] = toward[:, opens] * excess
        pairs[:, :, 4] = cumulative(at_slots)[:, cut].T
        at_slots[:, opens] = excess
        pairs[:, :, 5] = cumulative(at_slots)[:, cut].T

    def _epochs_around(self, time, opens):
        now = np.minimum((time[opens] // self.epoch).astype(int), self.epochs - 1)
        before = np.concatenate([[max(0, now[0] - int(WEEK // self.epoch))], now[:-1]])
        return now, before

    def _weekly(self, pairs, own, opened, toward):
        """First slots after the clinician's weekly habit, against all other first slots."""
        previous = np.concatenate([[opened[0] - 3 * DAY], opened[:-1]])
        for k, until in enumerate(self.horizons):
            moment = self.habit_time[k, :, own][:, None]
            passed = np.floor((opened - moment) / WEEK) > np.floor((previous - moment) / WEEK)
            seen = opened < until
            after, other = passed & seen, ~passed & seen
            rest = other.sum(1)
            usual = np.where(rest > 0, (toward * other).sum(1) / np.maximum(rest, 1), 0)
            more = (toward * after).sum(1) - after.sum(1) * usual
            pairs[k, :, 6] = more
            pairs[k, :, 7] = self.habit_excess[k, :, own] * np.maximum(more, 0)

    def _bare(self, pairs, own, time, toward, opens, sent, sent_bucket, cut):
        """Cells outside slots: each is real, and names its bucket."""
        until = np.searchsorted(sent, self.horizons)
        hit = (sent_bucket[None, :] == self.bucket[:, None]).astype(np.float32)
        published = np.minimum((sent // self.epoch).astype(int) + 1, self.epochs - 1)
        answer = self._excess_at(self.slot_after_reading[:, published], own)
        pairs[:, :, 8] = cumulative(hit)[:, until].T
        pairs[:, :, 9] = cumulative(hit * answer)[:, until].T
        now, before = self._epochs_around(time, opens)
        for c in range(CLINICIANS):
            theirs = slice(self.bare_start[c], self.bare_start[c + 1])
            moments = self.bare_time[theirs][self.bare_bucket[theirs] == own]
            if not len(moments):
                continue
            between = moments.searchsorted(now * self.epoch)
            between = between - moments.searchsorted(before * self.epoch)
            at_slots = np.zeros(len(time), np.float32)
            at_slots[opens] = between * toward[c, opens]
            pairs[:, c, 10] = cumulative(at_slots)[cut]
            pairs[:, c, 11] = moments.searchsorted(self.horizons)
