/** Results: a table where there is room, one card per test where there is not. Colour never says anything alone. */

import { css } from "lit";

export const result = css`
  .result {
    container-type: inline-size;
    display: grid;
    gap: 0.6rem;
    min-width: 0;
    overflow-wrap: anywhere;
  }
  .result bdi {
    white-space: pre-line;
  }
  .report {
    display: grid;
    gap: 0.5rem;
    min-width: 0;
    padding: 0.75rem;
    border-radius: 10px;
    background: var(--t-surface);
    border: 1px solid var(--t-line);
    font-size: 0.875rem;
  }
  .result-warning {
    padding: 0.4rem 0.6rem;
    border-left: 4px solid var(--t-warn);
    border-radius: 4px;
    background: var(--t-wash-warn);
    font-size: 0.875rem;
    font-weight: 600;
  }
  .report:is([data-status="entered-in-error"], [data-status="cancelled"]) > .result-warning {
    border-color: var(--t-stop);
    background: var(--t-wash-stop);
  }
  .result-plain {
    margin: 0;
    max-height: 24rem;
    overflow: auto;
    white-space: pre-wrap;
    font: 0.875rem / 1.45 var(--t-mono);
  }
  .critical {
    display: grid;
    gap: 0.3rem;
    padding: 0.55rem 0.7rem;
    border: 2px solid var(--t-stop);
    border-radius: 8px;
    background: var(--t-wash-stop);
    font-size: 1rem;
  }
  .critical li {
    margin-top: 0.15rem;
    font-weight: 600;
  }
  .report-facts {
    display: flex;
    flex-wrap: wrap;
    gap: 0.2rem 1.1rem;
  }
  .report-facts div {
    display: flex;
    flex-wrap: wrap;
    gap: 0 0.35rem;
  }
  .report-facts dt {
    color: var(--t-muted);
  }
  .form {
    gap: 0.2rem 0.5rem;
  }
  .narrative p {
    white-space: pre-line;
  }
  .result summary {
    min-height: 1.6rem;
  }

  .tests {
    width: 100%;
    border-collapse: collapse;
    font-size: 0.875rem; /* which tables of a page in quirks mode do not inherit */
  }
  .tests :is(th, td) {
    padding: 0.4rem 0.5rem;
    text-align: start;
    vertical-align: baseline;
  }
  .tests thead th {
    line-height: 1.25;
    color: var(--t-muted);
  }
  .test > * {
    border-top: 1px solid var(--t-line);
  }
  .test > th {
    width: 30%;
    font-weight: 600;
  }
  .test[data-panel] > th {
    font-weight: 700;
  }
  .value {
    font-weight: 700;
    font-variant-numeric: tabular-nums;
  }
  .value.absent {
    font-weight: 400;
    color: var(--t-muted);
  }
  .flags,
  .tests thead th {
    overflow-wrap: break-word;
  }
  .ranges {
    font-variant-numeric: tabular-nums;
  }
  .ranges span {
    display: block;
  }
  .flag {
    display: inline-flex;
    gap: 0.3rem;
    align-items: baseline;
    margin-inline-end: 0.4rem;
    font-weight: 700;
  }
  .flag[data-level="critical"] {
    padding: 0.05rem 0.45rem;
    border-radius: 5px;
    background: var(--t-stop);
    color: var(--t-surface);
  }
  .flag[data-level="abnormal"] {
    color: var(--t-stop);
  }
  .flag[data-level="normal"] {
    color: var(--t-ok);
    font-weight: inherit;
  }
  .flag[data-level="critical"]::before {
    content: "\\203c" / "";
  }
  .flag[data-level="abnormal"]::before {
    content: "!" / "";
  }
  .test[data-level="critical"],
  .test-more[data-level="critical"] {
    background: var(--t-wash-stop);
  }
  .test[data-level="critical"] > th {
    border-inline-start: 4px solid var(--t-stop);
  }
  .row-status {
    display: table;
    margin-top: 0.15rem;
    padding: 0 0.4rem;
    border: 1.5px solid currentColor;
    border-radius: 5px;
    color: var(--t-warn);
    font-weight: 700;
  }
  .test:is([data-status="entered-in-error"], [data-status="cancelled"]) .row-status {
    color: var(--t-stop);
  }
  .test-more td {
    padding-top: 0;
  }
  .test-more td > * + * {
    margin-top: 0.25rem;
  }

  @container (min-width: 34.01rem) {
    .test[data-depth="1"] > th {
      padding-inline-start: 1.3rem;
    }
    .test[data-depth="2"] > th {
      padding-inline-start: 2.1rem;
    }
    .test[data-depth="3"] > th {
      padding-inline-start: 2.9rem;
    }
    .test[data-depth="4"] > th {
      padding-inline-start: 3.7rem;
    }
  }

  @container (max-width: 34rem) {
    .report {
      padding: 0.6rem;
    }
    .tests,
    .tests tbody {
      display: block;
    }
    .tests thead {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
    .test {
      display: flex;
      flex-wrap: wrap;
      justify-content: space-between;
      gap: 0.1rem 0.6rem;
      padding: 0.5rem 0.55rem;
      border-top: 1px solid var(--t-line);
    }
    .test[data-level="critical"],
    .test-more[data-level="critical"] {
      border-inline-start: 4px solid var(--t-stop);
    }
    .test > *,
    .test[data-level="critical"] > th {
      border: 0;
    }
    .tests .test > * {
      padding: 0;
    }
    .test > th,
    .test > .ranges {
      flex: 0 0 100%;
      width: auto;
    }
    .test > td:empty {
      display: none;
    }
    .value {
      font-size: 1.05rem;
      overflow-wrap: break-word;
    }
    .ranges {
      color: var(--t-muted);
    }
    .tests .test[data-depth="1"] {
      padding-inline-start: 1rem;
    }
    .tests .test[data-depth="2"] {
      padding-inline-start: 1.5rem;
    }
    .tests .test:is([data-depth="3"], [data-depth="4"]) {
      padding-inline-start: 2rem;
    }
    .test-more,
    .test-more td {
      display: block;
    }
    .tests .test-more td {
      padding: 0 0.55rem 0.5rem;
    }
  }
`;
