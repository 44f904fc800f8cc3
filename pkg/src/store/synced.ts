/** Durable names, for Node. */

import { open } from "node:fs/promises";

/** Syncs a folder: its new, renamed and removed names are on the disk. Windows does not support this and does not need it. */
export async function synced(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
