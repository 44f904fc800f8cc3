/** How long old keys and deliveries count, and whether messages are filed in a health record. */

import type { Runtime } from "./runtime.js";
import type { Settings } from "./types.js";
import { flag, integer, options as known } from "../arguments.js";

export async function readSettings(runtime: Runtime): Promise<Settings> {
  return runtime.forRead().readFirst((engine) => ({ ...engine.settings(), filing: engine.filesMessages() }));
}

/** Changes what is named. */
export async function changeSettings(runtime: Runtime, settings: Partial<Settings>): Promise<Settings> {
  const changes = known(settings, "settings", ["graceDays", "retentionDays", "filing"]);
  const current = await readSettings(runtime);
  const given = { ...current, ...changes };
  const [grace, retention] = [
    integer(given.graceDays, "graceDays", 3, 28),
    integer(given.retentionDays, "retentionDays", 7, 60),
  ];
  const filing = changes.filing === undefined ? current.filing : flag(changes.filing, "filing");
  const host = runtime.forUser();
  if (changes.graceDays !== undefined || changes.retentionDays !== undefined)
    await host.apply((engine, now) => engine.setSettings(grace, retention, now));
  await host.apply((engine, now) => engine.setFilesMessages(filing, now));
  return { graceDays: grace, retentionDays: retention, filing };
}
