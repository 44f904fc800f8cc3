/** Values that are made once. */

/** The value of a key: made, and kept, if there is none yet. */
export function remembered<K, V>(
  kept: { get(key: K): V | undefined; set(key: K, value: V): unknown },
  key: K,
  make: () => V,
): V {
  const value = kept.get(key) ?? make();
  kept.set(key, value);
  return value;
}
