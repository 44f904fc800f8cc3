/** The people of the demo. Each has a separate portal and shares only the relay with the others. */

export type Role = "clinician" | "patient" | "lab" | "specialist";

export interface Person {
  readonly role: Role;
  readonly name: string;
  readonly initials: string;
}

export const PEOPLE: Readonly<Record<Role, Person>> = {
  clinician: { role: "clinician", name: "Dr. Rivera", initials: "DR" },
  patient: { role: "patient", name: "Ana Gómez", initials: "AG" },
  lab: { role: "lab", name: "Northside Lab", initials: "NL" },
  specialist: { role: "specialist", name: "Dr. Chen", initials: "DC" },
};

/** Shown side by side on the demo screen; the specialist joins on request. */
export const ON_SCREEN: readonly Role[] = ["clinician", "patient", "lab"];

export function roleFrom(text: string | null): Role | null {
  return text !== null && Object.hasOwn(PEOPLE, text) ? (text as Role) : null;
}
