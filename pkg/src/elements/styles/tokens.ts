/**
 * What a host may set: `--tessera-*`. Text has at least 4.5:1 on its surface, edges of controls 3:1; the figures are in
 * docs/elements.md. Nothing is told by colour alone.
 */

import { css, unsafeCSS } from "lit";

const LIGHT = {
  bg: "#f5f7f8",
  surface: "#ffffff",
  ink: "#14232b",
  muted: "#4b5d67",
  edge: "#76868f",
  accent: "#0b5c73",
  "on-accent": "#ffffff",
  own: "#dceef3",
  ok: "#1b6b42",
  warn: "#7a4a00",
  stop: "#a3182b",
} as const;

const DARK: Readonly<Record<keyof typeof LIGHT, string>> = {
  bg: "#0f181d",
  surface: "#18242b",
  ink: "#e8eef1",
  muted: "#a9bac3",
  edge: "#7d919c",
  accent: "#6cc5dd",
  "on-accent": "#06222b",
  own: "#1b4552",
  ok: "#7bd3a2",
  warn: "#f2c36b",
  stop: "#ff9aa2",
};

function declared(colours: Readonly<Record<string, string>>): string {
  return Object.entries(colours)
    .map(([name, colour]) => `--t-${name}: var(--tessera-${name}, ${colour});`)
    .join("\n");
}

export const tokens = css`
  :host {
    ${unsafeCSS(declared(LIGHT))}
    --t-font: var(--tessera-font, system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif);
    --t-radius: var(--tessera-radius, 12px);
    --t-mono: ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
    --t-wash-warn: color-mix(in srgb, var(--t-warn) 10%, var(--t-surface));
    --t-wash-stop: color-mix(in srgb, var(--t-stop) 9%, var(--t-surface));
    --t-line: color-mix(in srgb, var(--t-edge) 35%, transparent);
    color-scheme: light;
  }
  :host([theme="dark"]) {
    ${unsafeCSS(declared(DARK))}
    color-scheme: dark;
  }
  @media (prefers-color-scheme: dark) {
    :host(:not([theme="light"])) {
      ${unsafeCSS(declared(DARK))}
      color-scheme: dark;
    }
  }
`;
