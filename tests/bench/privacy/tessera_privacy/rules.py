"""How a client fills its slots, and what it sends outside them."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

# The defaults of relay and client; a test of each compares them with the code.
PRODUCT_DEFAULTS = json.loads((Path(__file__).parents[1] / "product.json").read_text())
DAY = 86400


@dataclass(frozen=True)
class Rules:
    buckets: int = PRODUCT_DEFAULTS["buckets"]
    epoch: int = PRODUCT_DEFAULTS["epoch_seconds"]
    # "every-bucket": `cells` cells to each bucket in every slot, real cells in the place of cover.
    # "uniform": `cells` cells in a slot, real ones first, the rest to random buckets.
    # "decoys": as "uniform", but cover only to buckets of contacts and a few that never change.
    cover: str = "every-bucket"
    cells: int = PRODUCT_DEFAULTS["cells_per_bucket"]
    # "slot": a message waits for a slot. "bare": its cells leave at once, without cover.
    # "extra-slots": it leaves at once, in as many additional slots as its bucket's queue needs.
    urgent: str = "slot"
    # Mean of the exponential delay before a receipt is queued, in seconds.
    receipt_delay: float = 0.0
    # A further slot this many seconds after opening, up to a fifth earlier or later.
    second_slot: float = 0.0
    # Whether a request waits until the cells before it were opened.
    requests_wait: bool = False


DECOYS = 4

AS_BUILT = Rules(
    receipt_delay=PRODUCT_DEFAULTS["receipt_delay_seconds"],
    second_slot=PRODUCT_DEFAULTS["second_slot_seconds"],
)
UNIFORM = Rules(cover="uniform", cells=4)

VARIANTS = {
    "as built": AS_BUILT,
    "as built, prompt": replace(AS_BUILT, urgent="extra-slots"),
    "as built, requests wait for opening": replace(AS_BUILT, requests_wait=True),
    "every bucket": Rules(),
    "every bucket, prompt": Rules(urgent="extra-slots"),
    "uniform": UNIFORM,
    "uniform, 16 cells": replace(UNIFORM, cells=16),
    "uniform, 64 buckets": replace(UNIFORM, buckets=64),
    "uniform, epochs of 2 h": replace(UNIFORM, epoch=7200),
    "uniform, delayed receipts": replace(UNIFORM, receipt_delay=DAY),
    "uniform, decoys": replace(UNIFORM, cover="decoys"),
    "uniform, bare prompt": replace(UNIFORM, urgent="bare"),
    "every bucket, bare prompt": Rules(urgent="bare"),
}

# What the product does, and what it must never do again without this benchmark failing.
PRODUCT = ("as built", "as built, prompt")
MUTANTS = ("uniform", "every bucket, bare prompt", "as built, requests wait for opening")
