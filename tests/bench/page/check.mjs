// A benchmark of things that do not do the same is worth nothing: what differs ends the run.

export function agree(condition, what) {
  if (!condition) throw new Error(`the variants disagree: ${what}`);
}
