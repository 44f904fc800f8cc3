/** Ranges of whole numbers that are missing, each with where that was noted. */

export interface Missing {
  readonly from: number;
  readonly to: number;
  /** Place in the audit log. */
  readonly index: number;
  readonly time: number;
}

/** What is left of `missing` after `from` to `to` have come. */
export function without(missing: readonly Missing[], from: number, to: number): Missing[] {
  return missing.flatMap((range) => {
    if (to < range.from || from > range.to) return [range];
    return [
      ...(range.from < from ? [{ ...range, to: from - 1 }] : []),
      ...(range.to > to ? [{ ...range, from: to + 1 }] : []),
    ];
  });
}

export function countOf(ranges: readonly Missing[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
}
