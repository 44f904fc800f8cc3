"""Intervals of shares, and a logistic regression."""

import math

import numpy as np


def share(right):
    """The share of right guesses and Wilson's 95 % interval."""
    z, n, p = 1.959964, len(right), float(np.mean(right))
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return {"share": p, "low": max(0.0, centre - half), "high": min(1.0, centre + half)}


def logistic(features, labels, penalty=1e-4, steps=30):
    """Scores by ridge-penalised logistic regression on standardised columns, by Newton's method."""
    mean, deviation = features.mean(0), features.std(0) + 1e-12
    columns = np.c_[(features - mean) / deviation, np.ones(len(features))]
    weights = np.zeros(columns.shape[1])
    ridge = np.eye(columns.shape[1]) * penalty * len(features)
    ridge[-1, -1] = 0
    for _ in range(steps):
        chance = 1 / (1 + np.exp(-np.clip(columns @ weights, -30, 30)))
        curvature = (columns * (chance * (1 - chance))[:, None]).T @ columns + ridge
        curvature += 1e-9 * np.eye(len(weights))
        slope = columns.T @ (labels - chance) - ridge @ weights
        weights = weights + np.linalg.solve(curvature, slope)
    return lambda rows: ((rows - mean) / deviation) @ weights[:-1]


def cumulative(values):
    """Sums over the last axis, beginning with the empty one."""
    zero = np.zeros((*values.shape[:-1], 1), values.dtype)
    return np.concatenate([zero, np.cumsum(values, -1)], -1)
