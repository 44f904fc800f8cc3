// A reporter of node:test: a line for each consumer with its time, and at the end what failed.

export default async function* table(source) {
  const failures = [];
  let count = 0;
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    const { name, nesting, details } = data;
    const passed = type === "test:pass";
    const seconds = (details.duration_ms / 1000).toFixed(1).padStart(8);
    yield `${passed ? "passed" : "FAILED"} ${seconds} s  ${"  ".repeat(nesting)}${name}\n`;
    if (details.type === "suite") continue;
    count += 1;
    if (!passed) failures.push(`${name}\n${details.error?.cause?.stack ?? details.error?.message ?? details.error}`);
  }
  yield `\n${count - failures.length} passed, ${failures.length} failed\n`;
  for (const failure of failures) yield `\n${failure}\n`;
}
