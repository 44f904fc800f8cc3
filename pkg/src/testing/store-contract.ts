/** What every store has to do, as cases that run anywhere: in Node, and in a browser's page. */

import { CONFLICT, type Store, type StoreChange, type StoreLockOptions } from "../store/store.js";

/** Opens the same place, which is empty at first, each time it is called. */
export type OpenStore = () => Store | Promise<Store>;

export interface StoreCase {
  readonly title: string;
  /** Rejects if the store does not do what it has to. */
  run(open: OpenStore): Promise<void>;
}

/** `for (const { title, run } of storeContract) test(title, () => run(openFreshPlace()))`, with any test runner. */
export const storeContract: readonly StoreCase[] = [
  storeCase("an empty store has nothing, at some revision", async (store) => {
    const { revision, entries } = await store.list("");
    ok(Number.isSafeInteger(revision) && revision >= 0, "a revision");
    same(entries, []);
    same(await store.get("a"), undefined);
  }),
  storeCase("what is committed is read back, in order, as of a revision", async (store) => {
    const revision = await commit(store, [
      ["s/b", bytes(2)],
      ["s/a", bytes(1)],
      ["m/a", bytes(3)],
    ]);
    same(await store.list("s/"), {
      revision,
      entries: [
        ["s/a", bytes(1)],
        ["s/b", bytes(2)],
      ],
    });
    same(await store.get("m/a"), bytes(3));
    same(await store.get("m/b"), undefined);
    const next = await committed(store, revision, [
      ["s/a", null],
      ["s/b", bytes(9)],
      ["s/never", null],
    ]);
    ok(next > revision, "the revision grows");
    same(await store.list(""), {
      revision: next,
      entries: [
        ["m/a", bytes(3)],
        ["s/b", bytes(9)],
      ],
    });
  }),
  storeCase("a commit on another revision changes nothing", async (store) => {
    const old = (await store.list("")).revision;
    const revision = await commit(store, [["a", bytes(1)]]);
    same(
      await store.commit(old, [
        ["a", null],
        ["b", bytes(1)],
      ]),
      CONFLICT,
    );
    same(await store.commit(revision + 1, [["a", null]]), CONFLICT);
    same(await store.list(""), { revision, entries: [["a", bytes(1)]] });
  }),
  storeCase("a commit of nothing moves the revision on", async (store) => {
    const old = await commit(store, [["a", bytes(1)]]);
    const revision = await committed(store, old, []);
    ok(revision > old, "the revision grows");
    same(await store.commit(old, [["a", null]]), CONFLICT);
    same(await store.list(""), { revision, entries: [["a", bytes(1)]] });
  }),
  storeCase("a place that was destroyed, where that can be, is empty and may be used again", async (store) => {
    const revision = await commit(store, [["a", bytes(1)]]);
    await store.commit(revision, [["a", null]]);
    await store.mark?.(true);
    await store.mark?.(false);
    same((await store.marked?.()) ?? false, false);
    await store.destroy?.();
    same((await store.list("")).entries, []);
    await commit(store, [["b", bytes(2)]]);
    same((await store.list("")).entries, [["b", bytes(2)]]);
  }),
  storeCase("of two changes of one record the later one holds", async (store) => {
    const revision = await commit(store, [
      ["a", bytes(1)],
      ["b", null],
      ["a", bytes(2)],
      ["b", bytes(3)],
      ["c", bytes(4)],
      ["c", null],
    ]);
    same(await store.list(""), {
      revision,
      entries: [
        ["a", bytes(2)],
        ["b", bytes(3)],
      ],
    });
  }),
  storeCase("a commit with a change that cannot be made changes nothing", async (store) => {
    const revision = await commit(store, [["a", bytes(1)]]);
    for (const wrong of [
      ["b", "text"],
      ["b", undefined],
      [7, bytes(1)],
    ] as unknown[] as StoreChange[]) {
      await rejects(() => store.commit(revision, [["a", bytes(2)], wrong, ["c", bytes(2)]]));
      same(await store.list(""), { revision, entries: [["a", bytes(1)]] });
    }
  }),
  storeCase("a prefix finds exactly the keys that start with it, ordered by UTF-16 code units", async (store) => {
    const keys = [
      "",
      "S/a",
      "s",
      "s.",
      "s/",
      "s/a",
      "s/a/b",
      "s/\u{1f600}",
      "s/\uff5e",
      "s/\uffff",
      "s/\uffffz",
      "s/\uffff\uffff",
      "s0",
      "t",
      "\uffff",
      "\uffff\uffffa",
    ];
    await commit(
      store,
      [...keys].reverse().map((key) => [key, bytes(1)] as const),
    );
    for (const prefix of ["", "s", "s/", "s/a", "s/\uffff", "\uffff", "x"]) {
      const found = (await store.list(prefix)).entries.map(([key]) => key);
      same(
        found,
        keys.filter((key) => key.startsWith(prefix)),
      );
    }
  }),
  storeCase("no array is shared with the caller, and of a window only what it shows is kept", async (store) => {
    const large = new Uint8Array(64).fill(5);
    const value = large.subarray(10, 12);
    await commit(store, [["a", value]]);
    large.fill(9);
    const got = (await store.get("a")) ?? bytes();
    same([...got], [5, 5]);
    same(got.buffer.byteLength, 2);
    got[0] = 7;
    (await store.list("")).entries[0]?.[1].fill(7);
    same(await store.get("a"), bytes(5, 5));
  }),
  storeCase("empty values, large values and many records", async (store) => {
    const large = Uint8Array.from({ length: 1 << 20 }, (_, at) => at * 31 + (at >> 8));
    const many = Array.from({ length: 500 }, (_, at) => [`m/${String(at).padStart(4, "0")}`, bytes(at % 256)] as const);
    await commit(store, [["empty", new Uint8Array(0)], ["large", large], ...many]);
    same(await store.get("empty"), new Uint8Array(0));
    same(await store.get("large"), large);
    same((await store.list("m/")).entries, many);
  }),
  storeCase("of commits at the same time on one revision exactly one is made", async (one, open) => {
    const other = await open();
    const { revision } = await one.list("");
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, at) => (at % 2 === 0 ? one : other).commit(revision, [[`k${at}`, bytes(at)]])),
    );
    const made = results.flatMap((result, at) => (result === CONFLICT ? [] : [[`k${at}`, bytes(at)]]));
    same(made.length, 1);
    same((await other.list("")).entries, made);
  }),
  storeCase("a list is of one revision, whatever is committed meanwhile", async (writer, open) => {
    const reader = await open();
    let last = await commit(writer, [
      ["a", bytes(0)],
      ["b", bytes(0)],
    ]);
    const first = last;
    const writing = (async () => {
      for (let round = 1; round <= 20; round++)
        last = await committed(writer, last, [
          ["a", bytes(round)],
          ["b", bytes(round)],
        ]);
    })();
    let seen = -1;
    for (let look = 0; look < 20; look++) {
      const { revision, entries } = await reader.list("");
      const [a, b] = entries.map(([, value]) => value);
      same(a, b);
      if (revision === first) same(a, bytes(0));
      ok(revision >= seen, "revisions do not go back");
      seen = revision;
    }
    await writing;
    same((await reader.list("")).revision, last);
  }),
  storeCase("what was committed is there after closing, and a closed store can be used again", async (store, open) => {
    const revision = await commit(store, [["a", bytes(1)]]);
    await store.close();
    await store.close();
    const again = await open();
    same(await again.list(""), { revision, entries: [["a", bytes(1)]] });
    await again.close();
    same(await store.get("a"), bytes(1));
  }),
  storeCase("a lock, if there is one, has one holder, and is lost only when it is taken over", async (one, open) => {
    const other = await open();
    const lost: string[] = [];
    const lock = (store: Store, holder: string, takeOver = false): Promise<(() => void) | null> | undefined =>
      store.lock?.({ takeOver, onLost: () => lost.push(holder) } satisfies StoreLockOptions);
    const release = await lock(one, "first");
    if (release === undefined) return;
    same(await lock(other, "refused"), null);
    release?.();
    const releaseSecond = await lock(other, "second");
    same(typeof releaseSecond, "function");
    const releaseThird = await lock(one, "third", true);
    for (let wait = 0; wait < 1000 && lost.length === 0; wait++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    same(lost, ["second"]);
    releaseSecond?.(); // of no effect: it is not the second one's any more
    same(await lock(other, "refused"), null);
    releaseThird?.();
    const releaseFourth = await lock(other, "fourth");
    same(typeof releaseFourth, "function");
    releaseFourth?.();
    same(lost, ["second"]);
  }),
];

/** A case that begins with the place open. */
function storeCase(title: string, check: (store: Store, open: OpenStore) => Promise<void>): StoreCase {
  return { title, run: async (open) => check(await open(), open) };
}

async function commit(store: Store, changes: readonly StoreChange[]): Promise<number> {
  return committed(store, (await store.list("")).revision, changes);
}

async function committed(store: Store, expected: number, changes: readonly StoreChange[]): Promise<number> {
  const revision = await store.commit(expected, changes);
  if (revision === CONFLICT || !Number.isSafeInteger(revision)) throw new Error(`not committed: ${revision}`);
  return revision;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

function ok(condition: boolean, what: string): void {
  if (!condition) throw new Error(`not so: ${what}`);
}

function same(found: unknown, expected: unknown): void {
  const [a, b] = [shown(found), shown(expected)];
  if (a !== b) throw new Error(`found ${a.slice(0, 400)}, expected ${b.slice(0, 400)}`);
}

/** Distinguishes a `Uint8Array` from an array of numbers, and `undefined` from `null`. */
function shown(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part === undefined) return "<undefined>";
    return part instanceof Uint8Array ? `<${part.join()}>` : part;
  });
}

async function rejects(attempt: () => unknown): Promise<void> {
  const failed = await (async () => attempt())().then(
    () => false,
    () => true,
  );
  ok(failed, "it rejects");
}
