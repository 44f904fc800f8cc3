// A store on the host's own server. The server sees sealed records, their keys and when they change, and can neither read nor forge
// them; it can put an old state back, which the portal's contacts notice as repeated messages.

/** The client's half: pass it as `store`. `request` is the host's own way to its server, with its session. */
export function hostStore(request) {
  const decoded = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const encoded = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const listed = async (prefix) => {
    const { revision, entries } = await request("list", { prefix });
    return { revision, entries: entries.map(([key, value]) => [key, decoded(value)]) };
  };
  return {
    async get(key) {
      const { value } = await request("get", { key });
      return value === null ? undefined : decoded(value);
    },
    list: listed,
    async commit(expectedRevision, changes) {
      const sealed = changes.map(([key, value]) => {
        if (typeof key !== "string" || !(value === null || value instanceof Uint8Array)) throw new TypeError("change");
        return [key, value === null ? null : encoded(value)];
      });
      const { revision } = await request("commit", { expectedRevision, changes: sealed });
      return revision ?? "CONFLICT";
    },
    async close() {},
  };
}

/** The server's half, for one person: one transaction per commit, and durable before it answers. Here in memory. */
export function hostRecords() {
  const records = new Map();
  let revision = 0;
  return {
    get: ({ key }) => ({ value: records.get(key) ?? null }),
    list: ({ prefix }) => ({
      revision,
      entries: [...records].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1)),
    }),
    commit({ expectedRevision, changes }) {
      if (expectedRevision !== revision) return { revision: null };
      for (const [key, value] of changes) {
        if (value === null) records.delete(key);
        else records.set(key, value);
      }
      revision += 1;
      return { revision };
    },
  };
}
