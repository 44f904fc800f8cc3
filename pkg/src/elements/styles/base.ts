/** Type, controls and what all pages share. Sizes are in rem, so that they follow the reader's own. */

import { css } from "lit";

export const base = css`
  :host {
    display: block;
    container: tessera / inline-size;
    color: var(--t-ink);
    background: var(--t-bg);
    font: 400 1rem / 1.5 var(--t-font);
    overflow-wrap: anywhere;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :is(h2, h3, h4, p, ul, ol, dl, dd, fieldset) {
    margin: 0;
    padding: 0;
    border: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  h2 {
    font-size: 1.25rem;
    font-weight: 600;
    line-height: 1.3;
  }
  h3,
  h4 {
    font-size: 1rem;
    font-weight: 600;
  }
  a {
    color: var(--t-accent);
  }
  .icon {
    width: 1.25em;
    height: 1.25em;
    flex: none;
    fill: none;
    stroke: currentColor;
    stroke-width: 2;
    stroke-linecap: round;
    stroke-linejoin: round;
    vertical-align: -0.25em;
  }
  /* The banner below shows in more words that there is no connection; this is what is read aloud. */
  .hidden-text,
  .portal[data-wide="false"] .relay {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .hint {
    color: var(--t-muted);
    font-size: 0.875rem;
  }
  /* Without a place in the layout, but there for a screen reader, which reads what is put into it. */
  :is(.outcome, .relay):empty {
    position: absolute;
  }
  .outcome[data-state="failed"],
  .error {
    color: var(--t-stop);
    font-weight: 600;
  }
  .outcome[data-state="done"] {
    color: var(--t-ok);
  }
  .code {
    font-family: var(--t-mono);
    font-size: 0.9375rem;
  }

  button,
  .button,
  input,
  textarea,
  select {
    font: inherit;
    color: inherit;
  }
  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    min-height: 44px;
    min-width: 44px;
    padding: 8px 16px;
    border: 1px solid var(--t-edge);
    border-radius: var(--t-radius);
    background: var(--t-surface);
    text-align: center;
    cursor: pointer;
    text-decoration: none;
    position: relative;
    transition: background-color 120ms;
  }
  button:hover,
  .button:hover {
    background: color-mix(in srgb, var(--t-accent) 10%, var(--t-surface));
  }
  button:disabled,
  button[aria-disabled="true"] {
    opacity: 0.6;
    cursor: default;
  }
  .primary {
    background: var(--t-accent);
    border-color: var(--t-accent);
    color: var(--t-on-accent);
    font-weight: 600;
  }
  .primary:hover {
    background: color-mix(in srgb, var(--t-accent) 85%, var(--t-ink));
  }
  .danger {
    border-color: var(--t-stop);
    color: var(--t-stop);
    font-weight: 600;
  }
  .quiet {
    border-color: transparent;
    background: transparent;
    color: var(--t-accent);
  }
  .round {
    padding: 8px;
    border-radius: 50%;
  }
  .wide {
    width: 100%;
  }
  :is(button, .button, input, textarea, select, summary, a, [tabindex]):focus-visible,
  .button:focus-within {
    outline: 3px solid var(--t-accent);
    outline-offset: 2px;
  }
  .title:focus {
    outline: none;
  }
  input:not([type]),
  input:is([type="text"], [type="password"], [type="search"], [type="number"]),
  textarea {
    width: 100%;
    min-height: 44px;
    padding: 8px 12px;
    border: 1px solid var(--t-edge);
    border-radius: 6px;
    background: var(--t-surface);
  }
  [aria-invalid="true"] {
    border: 2px solid var(--t-stop);
  }
  ::placeholder {
    color: var(--t-muted);
    opacity: 1;
  }
  input:is([type="checkbox"], [type="radio"]) {
    width: 24px;
    height: 24px;
    flex: none;
    margin: 0;
    accent-color: var(--t-accent);
  }
  .file-input {
    position: absolute;
    inset: 0;
    width: 100%;
    opacity: 0;
    cursor: pointer;
    font-size: 0;
  }
  .field {
    display: grid;
    gap: 4px;
  }
  .field > :is(span, legend) {
    font-weight: 600;
  }
  .check-field {
    display: flex;
    gap: 12px;
    align-items: center;
    min-height: 44px;
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px;
  }
  .row.end {
    justify-content: flex-end;
  }
  form {
    display: grid;
    gap: 12px;
  }
  summary {
    min-height: 44px;
    display: flex;
    align-items: center;
    cursor: pointer;
    color: var(--t-accent);
  }
  .in-person > summary::before {
    content: "+" / "";
    width: 1.25em;
    font-weight: 600;
  }
  .in-person[open] > summary::before {
    content: "\u2212" / "";
  }
  .in-person > * + * {
    margin-block-start: 8px;
  }
  progress {
    width: 100%;
    accent-color: var(--t-accent);
  }
  .mark {
    display: inline-flex;
    align-items: center;
    gap: 4px;
    font-weight: 600;
  }
  .mark.warn {
    color: var(--t-warn);
  }
  .mark.stop {
    color: var(--t-stop);
  }
  .dialog {
    width: min(30rem, calc(100vw - 32px));
    padding: 24px;
    border: 1px solid var(--t-edge);
    border-radius: 18px;
    background: var(--t-surface);
    color: var(--t-ink);
  }
  .dialog::backdrop {
    background: rgb(10 20 25 / 55%);
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      transition: none !important;
      scroll-behavior: auto !important;
    }
  }
  @media (forced-colors: active) {
    button,
    .button,
    .bubble,
    .banner,
    .card {
      border: 1px solid ButtonText;
    }
    .primary {
      border-width: 2px;
    }
    .badge,
    .label,
    .flag[data-level="critical"] {
      border: 1px solid CanvasText;
    }
    .person-row[aria-current="true"] {
      outline: 3px solid Highlight;
      outline-offset: -3px;
    }
    .menu-list button[aria-current="page"] {
      border-color: Highlight;
    }
    .chart svg,
    .key {
      forced-color-adjust: none;
    }
  }
`;
