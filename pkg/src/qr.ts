/** QR codes as SVG, to be read from a screen. */

import encodeQR from "qr";

/** Modules of white around the code that readers rely on (ISO/IEC 18004). */
const QUIET_ZONE = 4;

/** From here on a code is so dense that a lower correction level reads better than smaller modules. */
const LONG_TEXT = 600;

/**
 * An SVG image, black on white whatever the page's colours. It has no inline style or script, so that a strict
 * Content-Security-Policy takes it inline.
 */
export function qrSvg(text: string): string {
  const modules = encodeQR(text, "raw", { ecc: text.length > LONG_TEXT ? "low" : "medium", border: QUIET_ZONE });
  const size = modules.length;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">` +
    `<path fill="#fff" d="M0 0h${size}v${size}H0z"/><path fill="#000" d="${modules.map(row).join("")}"/></svg>`
  );
}

/** One rectangle per run of dark modules. */
function row(modules: readonly boolean[], y: number): string {
  let path = "";
  for (let x = 0; x < modules.length; x++) {
    if (modules[x] !== true) continue;
    const start = x;
    while (modules[x + 1] === true) x++;
    path += `M${start} ${y}h${x + 1 - start}v1H${start}z`;
  }
  return path;
}
