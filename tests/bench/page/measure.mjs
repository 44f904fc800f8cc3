// Interleaved measuring: in each round every variant runs once, in an order that rotates, so that
// whatever slows the machine down for a while slows all of them.

/** How long, in milliseconds: `full` for results that are kept, `quick` for a look. */
export const BUDGETS = {
  full: { warmUp: 400, sample: 25, rounds: 61 },
  quick: { warmUp: 100, sample: 8, rounds: 15 },
};

/**
 * Runs variants `{ name: run }` against each other, `run` sync or async; a number that `run` returns says
 * how many operations it was. Gives per name the median time of one operation in microseconds.
 */
export async function compare(variants, { warmUp, sample, rounds }) {
  const entries = [];
  for (const [name, run] of Object.entries(variants)) entries.push({ name, run, repeat: await warm(run, warmUp, sample), times: [] });
  for (let round = 0; round < rounds; round += 1) {
    for (let i = 0; i < entries.length; i += 1) {
      const entry = entries[(round + i) % entries.length];
      entry.times.push(await time(entry.run, entry.repeat));
    }
  }
  return Object.fromEntries(entries.map(({ name, times }) => [name, times]));
}

/** How often to run so that a sample takes long enough for the clock. */
async function warm(run, warmUp, sample) {
  const start = performance.now();
  let runs = 0;
  do {
    await run();
    runs += 1;
  } while (performance.now() - start < warmUp);
  return Math.max(1, Math.round((sample * runs) / (performance.now() - start)));
}

/** Microseconds per operation. */
async function time(run, repeat) {
  let operations = 0;
  const start = performance.now();
  for (let i = 0; i < repeat; i += 1) {
    const result = run();
    operations += (result instanceof Promise ? await result : result) ?? 1;
  }
  return ((performance.now() - start) * 1000) / operations;
}
