// The address that the EHR opens.

import { readSettings } from "./settings.js";
import { launch } from "./smart.js";

readSettings()
  .then(launch)
  .catch((error) => {
    document.getElementById("status").textContent = `This page could not be opened: ${error.message}.`;
  });
