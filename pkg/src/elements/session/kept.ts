/** What is kept about this device in `localStorage`, as far as the browser lets a page keep anything. */

/** `undefined` if it cannot be read. */
export function kept(key: string): string | null | undefined {
  try {
    return localStorage.getItem(key);
  } catch {
    return undefined;
  }
}

/** Keeps a value, or with `null` none; without storage nothing is remembered. */
export function keep(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Not remembered.
  }
}
