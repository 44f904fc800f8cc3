/** Icons of 24 by 24 that accompany a word and never replace it. */

import { svg, html, type TemplateResult } from "lit";

const PATHS = {
  back: "M15 5l-7 7 7 7",
  plus: "M12 5v14M5 12h14",
  check: "M5 12.5l4.5 4.5L19 7.5",
  warn: "M12 4l9 16H3L12 4zM12 10v4M12 17v.5",
  stop: "M8 3h8l5 5v8l-5 5H8l-5-5V8l5-5zM9 9l6 6M15 9l-6 6",
  info: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 11v5M12 8v.5",
  clip: "M20 11l-8.5 8.5a5 5 0 01-7-7L13 4a3.3 3.3 0 015 5l-8.5 8.5a1.7 1.7 0 01-2.4-2.4L15 7.2",
  send: "M4 12l16-8-5 16-3.5-6.5L4 12z",
  menu: "M4 7h16M4 12h16M4 17h16",
  more: "M5 12h.5M12 12h.5M19 12h.5",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 017 0v3",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  print: "M7 9V3h10v6M7 17H4V9h16v8h-3M7 14h10v7H7z",
  phone: "M6 3h4l2 5-2.5 1.5a11 11 0 005 5L16 12l5 2v4a2 2 0 01-2 2A15 15 0 014 5a2 2 0 012-2z",
  down: "M12 5v14M6 13l6 6 6-6",
  visit: "M5 6h14v14H5zM5 10h14M9 3v4M15 3v4",
  camera: "M4 8h4l2-3h4l2 3h4v11H4zM12 16.5a3.3 3.3 0 100-6.6 3.3 3.3 0 000 6.6z",
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): TemplateResult {
  const path = svg`<path d=${PATHS[name]} />`;
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${path}</svg>`;
}
