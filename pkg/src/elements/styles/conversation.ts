/** A conversation and its composer. */

import { css } from "lit";

export const conversation = css`
  .thread {
    flex: 1;
    min-height: 0;
    display: flex;
    flex-direction: column;
    position: relative;
  }
  .thread > .check-card {
    margin: 12px;
    flex: 0 1 auto;
    overflow-y: auto;
  }
  .scroller {
    flex: 1;
    min-height: 6rem;
    overflow-y: auto;
    overscroll-behavior: contain;
    padding: 8px 12px;
    scroll-padding-block: 8px;
  }
  .scroller:not(:has(.message)) {
    min-height: 0;
  }
  .older {
    display: flex;
    margin: 0 auto 8px;
  }
  .messages {
    display: flex;
    flex-direction: column;
    gap: 8px;
  }
  .log:focus-visible {
    outline-offset: -2px;
  }
  .message {
    display: flex;
    content-visibility: auto;
    contain-intrinsic-size: auto 88px;
  }
  .message[data-continues] {
    margin-top: -4px;
  }
  .message[data-direction="out"] {
    justify-content: flex-end;
  }
  .bubble {
    position: relative;
    max-width: min(62ch, 88%);
    min-width: 8rem;
    padding: 8px 12px;
    border: 1px solid var(--t-line);
    border-radius: 18px 18px 18px 6px;
    background: var(--t-surface);
  }
  .message[data-direction="out"] .bubble {
    border-radius: 18px 18px 6px 18px;
    background: var(--t-own);
  }
  .bubble:has(.result) {
    max-width: 100%;
    width: 46rem;
  }
  .message:is([data-state="undelivered"], [data-state="stopped"], [data-state="held"]) .bubble {
    border: 2px solid var(--t-warn);
  }
  .text {
    white-space: pre-wrap;
  }
  .label {
    display: inline-block;
    padding: 0 8px;
    border-radius: 6px;
    overflow-wrap: anywhere;
    background: color-mix(in srgb, var(--t-edge) 18%, transparent);
    font-size: 0.875rem;
  }
  .bubble > .label {
    display: flex;
    align-items: center;
    gap: 6px;
    width: fit-content;
    margin-bottom: 4px;
  }
  .meta {
    display: flex;
    flex-wrap: wrap;
    gap: 0 8px;
  }
  .message[data-direction="out"] .hint {
    color: var(--t-ink);
  }
  .bubble-buttons {
    gap: 4px;
  }
  .bubble-buttons:has(> .more:only-child:not([open])) {
    position: absolute;
    inset-block-end: 0;
    inset-inline-end: 0;
  }
  .bubble:has(> .bubble-buttons > .more) .meta {
    padding-inline-end: 40px;
  }
  .bubble-buttons .more > summary {
    color: var(--t-muted);
  }
  /* In the bubble: over it, the list would be cut off at the edge of the message. */
  .bubble-buttons:has(> .more[open]) {
    position: static;
    justify-content: flex-end;
  }
  .bubble-buttons .menu-list {
    position: static;
    min-width: 0;
    padding: 0;
    border: 0;
    background: transparent;
    box-shadow: none;
  }
  .bubble-buttons .menu-list button {
    border-color: var(--t-edge);
  }
  .divider {
    margin-block: 8px;
    justify-content: center;
    text-align: center;
  }
  .unread-divider {
    color: var(--t-accent);
    font-weight: 600;
    border-top: 2px solid var(--t-accent);
    padding-top: 4px;
  }
  .alert-here {
    color: var(--t-stop);
    font-weight: 600;
    border: 1px dashed var(--t-stop);
    border-radius: 6px;
    padding: 8px;
  }
  .unreadable {
    padding: 8px;
    border-inline-start: 4px solid var(--t-warn);
    background: var(--t-wash-warn);
    color: var(--t-ink);
  }
  .file-name {
    font-weight: 600;
  }
  .photo {
    display: block;
    max-width: 100%;
    max-height: 24rem;
    border-radius: 12px;
  }
  /* Over the end of the messages, whatever the composer's height is. */
  .jump {
    align-self: flex-end;
    flex: none;
    height: 44px;
    margin: -52px 16px 8px;
    z-index: 2;
    border-radius: 22px;
    box-shadow: 0 4px 12px rgb(0 0 0 / 20%);
  }
  .composer {
    flex: none;
    display: flex;
    flex-direction: column;
    padding: 8px 12px;
    gap: 8px;
    background: var(--t-surface);
    border-top: 1px solid var(--t-line);
    max-height: max(60%, 100% - 6rem);
    overflow-y: auto;
  }
  /* What belongs to a message scrolls, if it has to: the field and Send stay in sight. */
  .about {
    display: grid;
    flex: 0 1 auto;
    gap: 8px;
    min-height: 56px;
    overflow-y: auto;
  }
  .about:not(:has(> *)) {
    display: none;
  }
  .composer[data-dragging] {
    outline: 3px dashed var(--t-accent);
    outline-offset: -6px;
  }
  .composer.read-only {
    color: var(--t-muted);
    text-align: center;
    padding: 16px;
  }
  /* Where the field would be narrow, the buttons stand below it. */
  .write {
    flex: none;
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
    align-items: flex-end;
  }
  .tools {
    display: flex;
    flex: 1 0 auto;
    justify-content: flex-end;
    gap: 8px;
  }
  .write textarea {
    flex: 100 1 11rem;
    min-width: 0;
    max-height: min(12rem, 30vh);
    resize: none;
    field-sizing: content;
    border-radius: var(--t-radius);
  }
  .attach {
    padding: 8px;
    color: var(--t-accent);
    border-color: transparent;
    flex: none;
  }
  .send,
  .visit span {
    flex: none;
  }
  .divider,
  .file-name,
  .visit,
  .picked li {
    display: flex;
    align-items: center;
    gap: 8px;
  }
  .visit {
    font-size: 0.875rem;
  }
  .picked {
    display: grid;
    gap: 8px;
  }
  .picked li > span {
    flex: 1;
    min-width: 0;
  }
  .picked .note {
    display: block;
  }
  .picked img {
    width: 72px;
    height: 72px;
    object-fit: cover;
    border-radius: 6px;
  }
  @container tessera (max-width: 25rem) {
    .send span {
      display: none;
    }
  }
`;
