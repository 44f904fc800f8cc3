// The relay of the browser tests: it serves the demo portal, and covers as a deployed relay does.

import { fileURLToPath } from "node:url";
import { startRelay as start } from "../../node/relay.mjs";

const PORTAL = fileURLToPath(new URL("../../../www/dist", import.meta.url));

/** As `startRelay` of `tests/node/relay.mjs`, with the portal at its root. */
export const startRelay = (flags = {}) =>
  start({ "static-dir": PORTAL, buckets: 4, cover: undefined, "cover-cells": undefined, ...flags });
