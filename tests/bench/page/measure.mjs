// Interleaved measuring: in each round every variant runs once, in an order that rotates, so that
// load that slows the machine for a while slows all of them. Samples are shorter than a scheduler's
// time slice, so most are not interrupted, and the median is one of those.

/** Milliseconds, and a bound on the rounds: `full` for results that are kept, `quick` for a look. */
export const BUDGETS = {
  full: { warmUp: 400, sample: 0.8, rounds: 2001, limit: 15_000 },
  quick: { warmUp: 100, sample: 0.8, rounds: 201, limit: 2_500 },
};

const LEAST_ROUNDS = 5;

/**
 * Runs variants `{ name: run }` against each other, `run` sync or async; a number that `run` returns says
 * how many operations it was. Gives per name the time of one operation in each round, in microseconds.
 */
export async function compare(variants, { warmUp, sample, rounds, limit }) {
  const entries = [];
  for (const [name, run] of Object.entries(variants))
    entries.push({ name, run, repeat: await warm(run, warmUp, sample), times: [] });
  const end = performance.now() + limit;
  for (let round = 0; round < LEAST_ROUNDS || (round < rounds && performance.now() < end); round += 1) {
    for (let i = 0; i < entries.length; i += 1) {
      const entry = entries[(round + i) % entries.length];
      entry.times.push(await time(entry.run, entry.repeat));
    }
  }
  return Object.fromEntries(entries.map(({ name, times }) => [name, times]));
}

/** How often to run so that a sample is long enough for the clock, from the fastest run, which was not interrupted. */
async function warm(run, warmUp, sample) {
  const end = performance.now() + warmUp;
  let fastest = Infinity;
  do {
    const start = performance.now();
    await run();
    fastest = Math.min(fastest, performance.now() - start);
  } while (performance.now() < end);
  return Math.max(1, Math.round(sample / Math.max(fastest, 0.005)));
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
