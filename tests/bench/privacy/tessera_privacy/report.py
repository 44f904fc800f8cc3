"""The committed figures, the comparison with them, and the tables of docs/privacy.md."""

import json
import re

from .rules import MUTANTS, PRODUCT, VARIANTS

BUCKET, CLINICIAN, MOMENTS = "bucket", "clinician", "clinician by moments"


def key(days, group, question):
    return f"{days} days, {group}, {question}"


def worse(committed, measured):
    """Guesses that are right more often than the committed interval allows."""
    guesses = measured["guesses"]
    return [
        f"{name}: {guesses[name]['share']:.3f}, committed at most {figure['high']:.3f}"
        for name, figure in committed["guesses"].items()
        if name in guesses and guesses[name]["share"] > figure["high"]
    ]


def failures(committed, measured):
    """What is worse than committed, and each mutant that this comparison would let pass."""
    found = []
    for variant in PRODUCT:
        found += [f"{variant}: {line}" for line in worse(committed[variant], measured[variant])]
    for mutant in MUTANTS:
        if not worse(committed[PRODUCT[0]], measured[mutant]):
            found.append(f"{mutant}: not detected in the place of {PRODUCT[0]!r}")
        found += [
            f"{mutant}: {name}: {measured[mutant]['guesses'][name]['share']:.3f}, committed at "
            f"least {figure['low']:.3f}: the attack has become weaker"
            for name, figure in committed[mutant]["guesses"].items()
            if measured[mutant]["guesses"][name]["share"] < figure["low"]
        ]
    return found


def load(path):
    return json.loads(path.read_text()) if path.exists() else {}


def store(path, profile, measured):
    figures = load(path) | {profile: measured}
    path.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")


def write_document(path, profile, measured):
    """Replaces what stands between the markers."""
    text = path.read_text()
    for name, table in [("destinations", destinations), ("moments", moments)]:
        marked = re.compile(f"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
        text, count = marked.subn(lambda m: m[1] + table(profile, measured) + m[2], text)
        assert count == 1, f"{path}: no place for {name}"
    path.write_text(text)


def destinations(profile, measured):
    columns = [
        (key(days, group, question), f"{question}, {days} days, {group}")
        for days in profile.horizons
        for question, group in [(BUCKET, "weekly"), (CLINICIAN, "weekly"), (CLINICIAN, "all")]
    ]
    rows = []
    for variant in VARIANTS:
        if variant not in measured:
            continue
        one = measured[variant]
        cells = [_guess(one["guesses"].get(name)) for name, _ in columns]
        costs = [f"{one['whole_mb_a_day']:.1f}", f"{one['hours_until_left']:.1f}"]
        rows.append([_strong(variant), *cells, *costs])
    head = ["rule", *(title for _, title in columns), "MB a day", "hours"]
    return _table(head, rows)


def moments(profile, measured):
    rows = []
    guesses = measured["as built, prompt"]["guesses"]
    for days in profile.horizons:
        groups = [_guess(guesses[key(days, group, MOMENTS)]) for group in ("weekly", "all")]
        rows.append([f"{days} days", *groups])
    return _table(["period", "clinician, weekly", "clinician, all"], rows)


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _guess(figure):
    if figure is None:
        return "–"
    return f"{figure['share']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _strong(variant):
    return f"**{variant}**" if variant in PRODUCT else variant
