// What differs between deployments. The page's server gives it only to people who are signed in.

export async function readSettings() {
  const response = await fetch("settings.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`settings.json: ${response.status}`);
  return response.json();
}
