/** Pages around the conversations: connecting, a person, safety, activity, lock. */

import { css } from "lit";

export const pages = css`
  .page,
  .lock,
  .stack {
    display: grid;
    gap: 16px;
    align-content: start;
  }
  .page {
    width: 100%;
    max-width: 720px;
    margin: 0 auto;
    padding: 16px 12px 32px;
  }
  .page.connect {
    max-width: 560px;
  }
  .page.person {
    justify-items: start;
  }
  .card {
    display: grid;
    gap: 12px;
    padding: 16px;
    border: 1px solid var(--t-line);
    border-radius: 18px;
    background: var(--t-surface);
    min-width: 0;
  }
  .card > button:not(.wide) {
    justify-self: start;
  }
  .card.offered,
  .check-card {
    border: 2px solid var(--t-accent);
  }
  .steps {
    list-style: decimal;
    padding-inline-start: 1.25rem;
    color: var(--t-muted);
  }
  .qr {
    width: min(320px, 100%);
    image-rendering: pixelated;
    border-radius: 6px;
    background: #fff;
  }
  .invitation {
    display: grid;
    gap: 12px;
    justify-items: center;
    scroll-margin-top: 12px;
  }
  .invitation > div {
    display: grid;
    gap: 8px;
    width: 100%;
    align-content: start;
  }
  @container tessera (min-width: 60rem) {
    .page.connect {
      max-width: 52rem;
    }
    .invitation[data-kind="qr"] {
      grid-template-columns: 320px 1fr;
    }
  }
  .countdown {
    font-variant-numeric: tabular-nums;
    font-weight: 600;
  }
  .viewfinder {
    width: 100%;
    max-height: 60vh;
    border-radius: 12px;
    background: #000;
  }
  .digits {
    display: flex;
    gap: 16px;
    font-size: 2.5rem;
    font-weight: 600;
    line-height: 1.2;
    font-variant-numeric: tabular-nums;
    letter-spacing: 0.08em;
  }
  .digits-input {
    font-size: 2rem !important;
    font-variant-numeric: tabular-nums;
    letter-spacing: 0.15em;
    max-width: 14rem;
  }
  .equal {
    display: grid;
    grid-template-columns: 1fr 1fr;
    gap: 8px;
  }
  .person-files li {
    gap: 0 8px;
    padding: 4px 0;
    border-bottom: 1px solid var(--t-line);
  }
  .person-files li > span {
    flex: 1 1 9rem;
  }
  .person-files .hint {
    display: block;
  }
  .id-code {
    max-width: 22rem;
    user-select: all;
  }
  .lock {
    width: 100%;
    max-width: 400px;
    margin: 0 auto;
    padding: 24px 16px;
  }
  .lock-mark {
    font-size: 2rem;
    color: var(--t-muted);
  }
  .sheets {
    display: grid;
    gap: 12px;
  }
  .sheet {
    padding: 16px;
    border: 1px solid var(--t-edge);
    border-radius: 6px;
    background: #fff;
    color: #000;
    display: grid;
    gap: 8px;
    break-inside: avoid;
  }
  .sheet .hint {
    color: #333;
  }
  .sheet-head {
    font-weight: 600;
    font-size: 1.25rem;
  }
  .sheet-head:empty {
    display: none;
  }
  .sheet .code {
    font-size: 1.125rem;
    line-height: 1.8;
  }
  .sheet .qr {
    width: 45mm;
  }
  .log-item {
    display: flex;
    flex-wrap: wrap;
    justify-content: space-between;
    gap: 0 12px;
    padding: 8px 0;
    border-bottom: 1px solid var(--t-line);
  }
  @container tessera (max-width: 30rem) {
    .log-item {
      display: grid;
    }
  }
  .page.privacy {
    max-width: 60rem;
  }
  .belief {
    font-size: 1.125rem;
    font-weight: 600;
  }
  .columns {
    display: grid;
    gap: 16px;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
  }
  .chart {
    margin: 0;
  }
  .chart svg {
    display: block;
    width: 100%;
    height: 96px;
  }
  .chart-seen .layer-0 {
    fill: var(--t-edge);
  }
  .layer-0 {
    fill: var(--t-ok);
    background: var(--t-ok);
  }
  .layer-1 {
    fill: var(--t-accent);
    background: var(--t-accent);
  }
  .axis {
    stroke: var(--t-edge);
    fill: none;
  }
  .axis-words {
    display: flex;
    justify-content: space-between;
  }
  .legend {
    gap: 4px 8px;
  }
  .key {
    display: inline-block;
    width: 12px;
    height: 12px;
    border: 1px solid var(--t-ink);
  }
  .points {
    list-style: disc;
    padding-inline-start: 1.25rem;
  }
  .numbers {
    border-collapse: collapse;
    font-variant-numeric: tabular-nums;
  }
  .numbers :is(th, td) {
    padding: 4px;
    font-size: 0.875rem;
    text-align: end;
    border-bottom: 1px solid var(--t-line);
  }
  .paper-thread {
    color: #000;
    background: #fff;
    font: 400 11pt / 1.4 var(--t-font);
  }
  .paper-thread h1 {
    font-size: 14pt;
    margin: 0;
  }
  .paper-thread header {
    margin-block-end: 6mm;
  }
  .paper-message {
    border-top: 1px solid #999;
    padding-block: 2mm;
    break-inside: avoid;
  }
  .paper-photo {
    display: block;
    max-width: 100%;
    max-height: 95mm;
    margin-block-start: 2mm;
    border: 1px solid #999;
  }
  .paper-gap {
    border: 1px dashed #000;
    padding: 2mm;
    font-weight: 600;
  }
  @media print {
    .sheet {
      border: 0;
      border-bottom: 1px dashed #000;
      border-radius: 0;
      padding: 8mm 0;
    }
  }
`;
