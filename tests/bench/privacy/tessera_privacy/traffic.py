"""Which cell goes to which bucket in which slot.

As the client does it (docs/protocol.md, sections 6 and 13): a portal that is opened pulls at once,
posts a slot within 5 s, and then a slot per epoch while it stays open. A cell posted in an epoch is
published at its end, and read a moment later by open portals, by others when they are opened.
"""

import bisect
import heapq
import math
from dataclasses import dataclass

import numpy as np

from .population import CLINICIANS, FIRST_PATIENT, HOUR, LABORATORIES, WEEK, Role
from .rules import DECOYS

MESSAGE, RECEIPT = 0, 1
NO_SLOT = -1


@dataclass
class Traffic:
    population: object
    rules: object
    bucket: np.ndarray
    # Slots of all people, by person and time; those of person u are offset[u]..offset[u + 1].
    offset: np.ndarray
    slot_time: np.ndarray
    slot_owner: np.ndarray
    # Whether the slot is the one right after opening.
    slot_opens: np.ndarray
    # Cells by slot and bucket: all, and real ones.
    cells: np.ndarray
    real: np.ndarray
    # Deliveries: who to whom, when written, when it left, when the recipient pulled it.
    sender: np.ndarray
    recipient: np.ndarray
    kind: np.ndarray
    written: np.ndarray
    left: np.ndarray
    pulled: np.ndarray
    # Cells posted outside slots, without cover.
    bare_owner: np.ndarray
    bare_time: np.ndarray
    bare_bucket: np.ndarray
    # Slots at once, beside those of the schedule.
    extra_owner: np.ndarray
    extra_time: np.ndarray


class Uniform:
    """Numbers in [0, 1), drawn a million at a time."""

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)
        self._left = []

    def __call__(self):
        if not self._left:
            self._left = self._rng.random(1 << 20).tolist()
        return self._left.pop()

    def exponential(self, mean):
        return -math.log(1 - self()) * mean

    def normal(self):
        return math.sqrt(-2 * math.log(1 - self())) * math.cos(2 * math.pi * self())


def simulate(population, rules):
    seed = population.assumptions.seed
    rng = np.random.default_rng([seed, 0, 23])
    schedule = Schedule(population, rules, rng)
    wishes = _wishes(population, rng)
    run = _Run(population, rules, schedule, Uniform([seed, 0, 29]))
    run.deliver(wishes)
    return run.traffic(rng)


class Schedule:
    """When each person's slots leave: a matter of sessions alone."""

    def __init__(self, population, rules, rng):
        self.times, self.opens = [], []
        for role, (starts, ends) in zip(population.role.tolist(), population.sessions):
            times, opens = [], []
            if role != Role.LABORATORY:
                jitter = rng.uniform(0, min(5, rules.epoch / 2), len(starts))
                second = rules.second_slot * rng.uniform(0.8, 1.2, len(starts))
                for start, end, wait, later in zip(starts, ends, jitter, second):
                    session = list(np.arange(start + wait, end, rules.epoch)) or [start + wait]
                    if 0 < later < min(end - start, rules.epoch):
                        session.insert(1, start + later)
                    times += session
                    opens += [True] + [False] * (len(session) - 1)
            self.times.append(times)
            self.opens.append(opens)
        self.offset = np.concatenate([[0], np.cumsum([len(times) for times in self.times])])


def _wishes(population, rng):
    """A heap of (time, kind, sender, recipient, chance of an answer)."""
    assumptions, until = population.assumptions, population.seconds
    heap = []

    def clinician_of(patient):
        if rng.random() < 0.7:
            return int(population.primary[patient])
        known = population.contacts[patient]
        return known[int(rng.integers(len(known)))]

    for patient in range(FIRST_PATIENT, assumptions.people):
        starts, ends = population.sessions[patient]
        begun = rng.random(len(starts)) < population.writes[patient]
        after = rng.uniform(60, 300, len(starts))
        for k in np.flatnonzero(begun):
            time = min(starts[k] + after[k], ends[k] - 1)
            heap.append((time, MESSAGE, patient, clinician_of(patient), 0.5))
        unasked = rng.poisson(population.unasked[patient] * assumptions.days / 7)
        for time in rng.uniform(0, until, unasked):
            clinician = clinician_of(patient)
            time = _within_a_session(population.sessions[clinician], time, rng)
            if time is not None:
                heap.append((time, MESSAGE, clinician, patient, 0.35))
        if population.weekly[patient]:
            clinician = int(population.primary[patient])
            starts, ends = population.sessions[clinician]
            for week in range(assumptions.days // 7):
                time = week * WEEK + population.weekly_at[patient] + rng.normal(0, 600)
                kept = rng.random() < 0.9
                session = bisect.bisect_right(starts, time) - 1
                if kept and time > 0 and session >= 0 and ends[session] > time:
                    heap.append((time, MESSAGE, clinician, patient, 0.5))
    patients = np.arange(FIRST_PATIENT, assumptions.people)
    for laboratory in range(CLINICIANS, CLINICIANS + LABORATORIES):
        for start in population.sessions[laboratory][0]:
            count = assumptions.results_per_day // LABORATORIES
            for patient in rng.choice(patients, count, replace=False):
                heap.append((start + 60, MESSAGE, laboratory, int(patient), 0.05))
                clinician = int(population.primary[patient])
                heap.append((start + 60, MESSAGE, laboratory, clinician, 0.0))
    heapq.heapify(heap)
    return heap


class _Run:
    def __init__(self, population, rules, schedule, uniform):
        self.population, self.rules = population, rules
        self.schedule, self.uniform = schedule, uniform
        self.bucket = population.buckets(rules.buckets).tolist()
        self.role = population.role.tolist()
        self.taken = [{} for _ in population.sessions]
        self.extra = {}
        self.bare = []
        self.deliveries = []
        self.receipt_due = {}

    def deliver(self, heap):
        until = self.population.seconds
        while heap:
            time, kind, sender, recipient, answer = heapq.heappop(heap)
            if time >= until:
                continue
            left, slot = self._leave(time, kind, sender, recipient)
            if left is None:
                continue
            pulled, session = self._pulled(left, recipient)
            seen = math.inf if pulled is None else pulled
            self.deliveries.append((sender, slot, recipient, kind, time, left, seen))
            if kind == RECEIPT or pulled is None:
                continue
            self._receipt(heap, pulled, recipient, sender)
            self._answer(heap, pulled, session, recipient, sender, answer)

    def _leave(self, time, kind, sender, recipient):
        """When the cell leaves, and in which slot."""
        bucket = self.bucket[recipient]
        laboratory = self.role[sender] == Role.LABORATORY
        if laboratory:
            time = self._in_session(sender, time, 60)
            if time is None:
                return None, NO_SLOT
        urgent = "extra-slots" if laboratory else self.rules.urgent
        if urgent == "slot" or (kind == RECEIPT and not laboratory):
            return self._slot(time, sender, bucket)
        if urgent == "bare" or self.rules.cover != "every-bucket":
            self.bare.append((sender, time, bucket))
        else:
            queue = self.extra.setdefault((sender, time), {})
            queue[bucket] = queue.get(bucket, 0) + 1
        return time, NO_SLOT

    def _slot(self, time, sender, bucket):
        """The first slot with room: for this bucket, or for anything."""
        times, taken = self.schedule.times[sender], self.taken[sender]
        index = bisect.bisect_left(times, time)
        key = bucket if self.rules.cover == "every-bucket" else 0
        while index < len(times) and taken.get((index, key), 0) >= self.rules.cells:
            index += 1
        if index == len(times):
            return None, NO_SLOT
        taken[index, key] = taken.get((index, key), 0) + 1
        return times[index], int(self.schedule.offset[sender]) + index

    def _pulled(self, left, recipient):
        """When the recipient's portal reads what left then, and in which session."""
        epoch = self.rules.epoch
        published = (math.floor(left / epoch) + 1) * epoch
        looked = published + min(2.0, epoch / 5) + self.uniform() * min(30.0, epoch / 10)
        starts, ends = self.population.sessions[recipient]
        session = bisect.bisect_right(ends, looked)
        if session == len(ends):
            return None, None
        return max(starts[session], looked), session

    def _receipt(self, heap, pulled, reader, writer):
        """One receipt acknowledges all that a contact sent until it leaves."""
        if self.receipt_due.get((reader, writer), -math.inf) >= pulled:
            return
        delay = self.rules.receipt_delay
        due = pulled + (self.uniform.exponential(delay) if delay else 0.0)
        self.receipt_due[reader, writer] = due
        heapq.heappush(heap, (due, RECEIPT, reader, writer, 0.0))

    def _answer(self, heap, pulled, session, reader, writer, chance):
        role, uniform = self.role[reader], self.uniform
        if role == Role.LABORATORY or not chance:
            return
        if uniform() >= chance * (1.6 if role == Role.CLINICIAN else 1.0):
            return
        if role == Role.CLINICIAN:
            later = pulled + math.exp(math.log(3 * HOUR) + 0.9 * uniform.normal())
            time = self._in_session(reader, later, 60)
        else:
            end = self.population.sessions[reader][1][session]
            time = min(pulled + 60 + 300 * uniform(), max(end - 1, pulled + 1))
        if time is not None:
            heapq.heappush(heap, (time, MESSAGE, reader, writer, chance * 0.5))

    def _in_session(self, person, time, after):
        """`time`, or `after` seconds into the next session if none is open then."""
        starts, ends = self.population.sessions[person]
        session = bisect.bisect_right(ends, time)
        return None if session == len(ends) else max(time, starts[session] + after)

    def traffic(self, rng):
        columns = map(np.array, zip(*self.deliveries))
        sender, slot, recipient, kind, written, left, pulled = columns
        rules, schedule, bucket = self.rules, self.schedule, np.array(self.bucket)
        total = int(schedule.offset[-1])
        in_slot = slot != NO_SLOT
        flat = slot[in_slot] * rules.buckets + bucket[recipient[in_slot]]
        real = np.bincount(flat, minlength=total * rules.buckets)
        real = real.reshape(total, rules.buckets).astype(np.int16)
        owner = np.repeat(np.arange(len(schedule.times)), np.diff(schedule.offset))
        extra = [(u, t) for (u, t), queue in self.extra.items() for _ in range(max(queue.values()))]
        return Traffic(
            population=self.population,
            rules=rules,
            bucket=bucket,
            offset=schedule.offset,
            slot_time=np.concatenate(schedule.times),
            slot_owner=owner,
            slot_opens=np.concatenate(schedule.opens).astype(bool),
            cells=real + _cover(self.population, rules, owner, real, rng),
            real=real,
            sender=sender,
            recipient=recipient,
            kind=kind,
            written=written,
            left=left,
            pulled=pulled,
            bare_owner=np.array([u for u, _, _ in self.bare], int),
            bare_time=np.array([t for _, t, _ in self.bare], float),
            bare_bucket=np.array([b for _, _, b in self.bare], int),
            extra_owner=np.array([u for u, _ in extra], int),
            extra_time=np.array([t for _, t in extra], float),
        )


def _cover(population, rules, owner, real, rng):
    """The client's cover, by slot and bucket."""
    if rules.cover == "every-bucket":
        return rules.cells - real
    total, buckets = real.shape
    draw = rng.integers(0, buckets, (total, rules.cells))
    if rules.cover == "decoys":
        sets = [_decoys(population, rules, person) for person in range(len(population.role))]
        size = np.array([len(chosen) for chosen in sets])
        table = np.zeros((len(sets), buckets), int)
        for person, chosen in enumerate(sets):
            table[person, : len(chosen)] = chosen
        pick = (rng.random((total, rules.cells)) * size[owner][:, None]).astype(int)
        draw = table[owner[:, None], pick]
    kept = np.arange(rules.cells)[None, :] < (rules.cells - real.sum(1))[:, None]
    flat = (np.arange(total)[:, None] * buckets + draw)[kept]
    return np.bincount(flat, minlength=total * buckets).reshape(total, buckets).astype(np.int16)


def _decoys(population, rules, person):
    """Buckets of a person's contacts, filled up with random ones."""
    bucket = population.buckets(rules.buckets)
    rng = np.random.default_rng([population.assumptions.seed, 31, person])
    if person < CLINICIANS:
        return list(range(rules.buckets))
    chosen = {int(bucket[contact]) for contact in population.contacts[person]}
    for other in rng.permutation(rules.buckets):
        if len(chosen) >= DECOYS:
            break
        chosen.add(int(other))
    return sorted(chosen)


def _within_a_session(sessions, time, rng):
    """`time` if a session is open then, else a moment of the next."""
    starts, ends = sessions
    session = bisect.bisect_right(ends, time)
    if session == len(ends):
        return None
    return time if starts[session] <= time else rng.uniform(starts[session], ends[session])


def posted(traffic):
    """Cells posted by epoch and bucket; the last epoch may be cut short and is left out."""
    rules = traffic.rules
    epochs = int(traffic.population.seconds // rules.epoch) + 1

    def epoch_of(times):
        return np.minimum((times // rules.epoch).astype(int), epochs - 1)

    counts = np.zeros((epochs, rules.buckets))
    in_epoch = epoch_of(traffic.slot_time)
    for bucket in range(rules.buckets):
        weights = traffic.cells[:, bucket]
        counts[:, bucket] = np.bincount(in_epoch, weights=weights, minlength=epochs)
    np.add.at(counts, (epoch_of(traffic.bare_time), traffic.bare_bucket), 1)
    np.add.at(counts, epoch_of(traffic.extra_time), rules.cells)
    return counts[:-1]
