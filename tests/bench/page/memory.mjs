// Whether opening and closing portals leaves memory behind.

import { Portal, memoryStore } from "tessera-portal";

const WARM_UP = 20;
const OPENED = 200;

/** Memories of all modules of the page, from its first module on. */
const modules = [];
for (const name of ["instantiate", "instantiateStreaming"]) {
  const instantiate = WebAssembly[name];
  WebAssembly[name] = async (...parameters) => {
    const result = await instantiate(...parameters);
    const { memory } = (result.instance ?? result).exports;
    if (memory !== undefined) modules.push(memory);
    return result;
  };
}

/** Bytes before and after, garbage collected. */
export async function measure() {
  const key = crypto.getRandomValues(new Uint8Array(32));
  const store = memoryStore();
  const client = {
    url: "https://relay.example",
    get: () => Promise.reject(new Error("no relay here")),
    post: () => Promise.reject(new Error("no relay here")),
  };
  const openAndClose = async (times) => {
    for (let i = 0; i < times; i += 1) {
      const portal = await Portal.open({ relay: client, store, key, name: "Dr. Rivera", create: true });
      await portal.dispose();
    }
  };
  await openAndClose(WARM_UP);
  const before = bytes();
  await openAndClose(OPENED);
  const after = bytes();
  return {
    heap: { before: before.heap, after: after.heap },
    modules: { before: before.modules, after: after.modules },
  };
}

function bytes() {
  globalThis.gc();
  return {
    heap: performance.memory.usedJSHeapSize,
    modules: modules.reduce((sum, { buffer }) => sum + buffer.byteLength, 0),
  };
}
