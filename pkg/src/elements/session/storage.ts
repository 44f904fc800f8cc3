/** Whether what is kept here is kept as in a tab. */

import { capabilities } from "../../module/capabilities.js";

/** Where the browser promised to keep this origin's data, as for a page of the same site, a frame is as good as a tab. */
export async function isStorageApart(): Promise<boolean> {
  if (!capabilities().framed) return false;
  try {
    return !(await navigator.storage.persisted());
  } catch {
    return true; // it could not even be asked
  }
}
