// A benchmark compares only what computes the same: a difference ends the run.

export function agree(condition, what) {
  if (!condition) throw new Error(`the variants disagree: ${what}`);
}
