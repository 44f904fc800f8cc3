/** The people on the stage. Each has a separate portal and shares only the message service with the others. */

export type Role = "clinician" | "patient" | "lab" | "specialist";

export const PEOPLE: Readonly<Record<Role, string>> = {
  clinician: "Dr. Rivera",
  patient: "Ana Gómez",
  lab: "Northside Lab",
  specialist: "Dr. Chen",
};

/** Side by side; the specialist joins on request. */
export const ON_SCREEN: readonly Role[] = ["clinician", "patient", "lab"];

/** The passphrase of every vault on the stage, so that visitors need none. A real portal lets each person choose, and never shows it. */
export const STAGE_PASSPHRASE = "tessera demo";

export function roleFrom(text: string | null): Role | null {
  return text !== null && Object.hasOwn(PEOPLE, text) ? (text as Role) : null;
}
