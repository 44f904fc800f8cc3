// Puts the project's changelog into the archive. Run by `npm pack`.

import { copyFile } from "node:fs/promises";

await copyFile(new URL("../../CHANGELOG.md", import.meta.url), new URL("../CHANGELOG.md", import.meta.url));
