/** The frame: head, side, main, warnings. One scroller per screen. */

import { css } from "lit";

/** As high as the screen, unless the host's own style sheet says otherwise. */
export const fullHeight = css`
  :host {
    height: 100dvh;
  }
`;

export const layout = css`
  .portal {
    display: flex;
    flex-direction: column;
    height: 100%;
    min-height: 0;
    background: var(--t-bg);
    position: relative;
  }
  .head {
    display: flex;
    align-items: center;
    gap: 8px;
    min-height: 56px;
    padding: 4px 12px;
    background: var(--t-surface);
    border-bottom: 1px solid var(--t-line);
    flex: none;
  }
  .head .title {
    font-size: 1.125rem;
    text-align: start;
    display: flex;
    align-items: center;
    gap: 6px;
    min-width: 0;
  }
  /* Two lines of a name, so that people with long names can be told apart. */
  .head .title > bdi {
    display: -webkit-box;
    -webkit-box-orient: vertical;
    -webkit-line-clamp: 2;
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .head .name {
    padding-inline: 4px;
    color: inherit;
    min-width: 0;
    flex: 1;
    justify-content: flex-start;
  }
  .product {
    flex: 1;
    min-width: 0;
    font-weight: 600;
    line-height: 1.25;
  }
  .product .hint {
    display: block;
    font-weight: 400;
  }
  .check {
    color: var(--t-ok);
    display: inline-flex;
  }
  .relay {
    flex: none;
    color: var(--t-warn);
    font-size: 0.875rem;
    font-weight: 600;
  }
  .more {
    position: relative;
  }
  .more > summary {
    width: 44px;
    height: 44px;
    justify-content: center;
    list-style: none;
    border-radius: 50%;
  }
  .more > summary::-webkit-details-marker {
    display: none;
  }
  .menu-list {
    position: absolute;
    inset-inline-end: 0;
    z-index: 3;
    min-width: min(14rem, 70vw);
    display: grid;
    padding: 8px;
    border: 1px solid var(--t-edge);
    border-radius: var(--t-radius);
    background: var(--t-surface);
    box-shadow: 0 8px 24px rgb(0 0 0 / 18%);
  }
  .menu-list button {
    justify-content: flex-start;
    border-color: transparent;
    text-align: start;
  }
  .menu-list button[aria-current="page"] {
    font-weight: 600;
    color: var(--t-accent);
  }
  .body {
    flex: 1;
    min-height: 0;
    display: flex;
  }
  .side {
    flex: 1;
    min-width: 0;
    overflow-y: auto;
    background: var(--t-surface);
  }
  [data-wide="true"] .side {
    flex: 0 0 20rem;
    border-inline-end: 1px solid var(--t-line);
  }
  .main {
    flex: 1;
    min-width: 0;
    min-height: 0;
    overflow-y: auto;
    display: flex;
    flex-direction: column;
  }
  .panel {
    flex: 0 0 20rem;
    min-height: 0;
    overflow-y: auto;
    background: var(--t-surface);
    border-inline-start: 1px solid var(--t-line);
  }
  .main > .inbox {
    margin: auto;
  }
  .portal.single {
    background: transparent;
  }
  .empty {
    margin: auto;
    padding: 24px;
    text-align: center;
    color: var(--t-muted);
    display: grid;
    gap: 12px;
    justify-items: center;
  }
  .empty h2 {
    color: var(--t-ink);
  }
  .emergency {
    flex: none;
    padding: 4px 12px;
    border-top: 1px solid var(--t-line);
    background: var(--t-surface);
    text-align: center;
  }
  .banners {
    flex: none;
    display: grid;
    max-height: 45%;
    overflow-y: auto;
  }
  .banner {
    display: grid;
    grid-template-columns: auto 1fr auto;
    align-items: center;
    gap: 4px 12px;
    padding: 8px 12px;
    border-bottom: 1px solid var(--t-line);
    background: var(--t-surface);
    border-inline-start: 4px solid var(--t-level, var(--t-edge));
  }
  .banner[data-level="warn"] {
    --t-level: var(--t-warn);
    background: var(--t-wash-warn);
  }
  .banner[data-level="stop"] {
    --t-level: var(--t-stop);
    background: var(--t-wash-stop);
  }
  .banner > .icon,
  .banner strong {
    color: var(--t-level, inherit);
  }
  .banner.tall > button,
  .portal[data-wide="false"] .banner > .row,
  .portal[data-wide="false"] .banner > button {
    grid-column: 2 / -1;
    justify-self: start;
  }

  .search {
    margin: 8px 12px;
    width: calc(100% - 24px) !important;
  }
  .nobody:not(:empty) {
    padding: 8px 12px;
  }
  .person-row {
    width: 100%;
    min-height: 72px;
    display: grid;
    grid-template: "a w t" auto "a p m" auto / 40px 1fr auto;
    gap: 0 12px;
    padding: 8px 12px;
    border: 0;
    border-bottom: 1px solid var(--t-line);
    border-radius: 0;
    text-align: start;
    justify-content: stretch;
  }
  .rows li {
    content-visibility: auto;
    contain-intrinsic-size: auto 72px;
  }
  .person-row:focus-visible {
    outline-offset: -3px;
  }
  .person-row[aria-current="true"] {
    background: color-mix(in srgb, var(--t-accent) 12%, var(--t-surface));
    box-shadow: inset 4px 0 0 var(--t-accent);
  }
  .person-row[aria-current="true"] .avatar {
    background: var(--t-surface);
  }
  .avatar {
    grid-area: a;
    width: 40px;
    height: 40px;
    border-radius: 50%;
    display: grid;
    place-items: center;
    background: var(--t-own);
    font-weight: 600;
    font-size: 0.875rem;
  }
  .avatar.large {
    grid-area: auto;
    width: 72px;
    height: 72px;
    font-size: 1.5rem;
  }
  .who {
    grid-area: w;
    font-weight: 600;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .when {
    grid-area: t;
  }
  .preview {
    grid-area: p;
    min-width: 0;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .marks {
    grid-area: m;
    display: flex;
    gap: 4px;
    justify-content: flex-end;
  }
  .badge {
    min-width: 24px;
    padding: 0 8px;
    border-radius: 12px;
    background: var(--t-accent);
    color: var(--t-on-accent);
    font-size: 0.875rem;
    font-weight: 600;
    text-align: center;
  }
`;
