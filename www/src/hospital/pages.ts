/** The hospital's pages, by address. Each is one `<tessera-portal>` with attributes, and what a hospital shows around it. */

import type { TextKey } from "./words";

export interface Page {
  readonly path: string;
  readonly name: Extract<TextKey, "patient" | "desk" | "lab" | "officer" | "text">;
  /** Of `<tessera-portal>`. A person who signed in with the hospital has a name and types none. */
  readonly attributes: Readonly<Record<string, string | boolean>>;
}

/** Who is signed in as the patient; `?name=` is somebody else, in another browser profile. */
export const PATIENT = new URLSearchParams(location.search).get("name") ?? "Ana Gómez";

export const PAGES: readonly Page[] = [
  {
    path: "/",
    name: "patient",
    attributes: { vault: "riverside-patient", name: PATIENT, "accept-invitations": true, notifications: true },
  },
  {
    path: "/desk",
    name: "desk",
    attributes: { vault: "riverside-desk", name: "Dr. Rivera", "visit-labels": true, notifications: true },
  },
  { path: "/lab", name: "lab", attributes: { vault: "riverside-lab", name: "Northside Laboratory" } },
  { path: "/officer", name: "officer", attributes: { vault: "riverside-desk", name: "Dr. Rivera", officer: true } },
  { path: "/text", name: "text", attributes: {} },
];

/** Staff sign in with the hospital's own account; here that is one passphrase for all of them. */
export const STAFF_PASSPHRASE = "tessera demo";

export const isStaff = ({ name }: Page): boolean => name === "desk" || name === "lab" || name === "officer";

export function pageAt(path: string): Page {
  return PAGES.find((page) => page.path === path) ?? (PAGES[0] as Page);
}
