// The relay of the browser tests: it serves the demo portal.

import { fileURLToPath } from "node:url";
import { startRelay as start } from "../../node/relay.mjs";

const PORTAL = fileURLToPath(new URL("../../../www/dist", import.meta.url));

/** Covers as a deployed relay does: a hundred cells in each batch, where few will do for most tests. */
export const DEPLOYED = { cover: undefined, "cover-cells": undefined };

/** As `startRelay` of `tests/node/relay.mjs`, with the portal at its root. */
export const startRelay = (flags = {}) => start({ "static-dir": PORTAL, buckets: 4, ...flags });
