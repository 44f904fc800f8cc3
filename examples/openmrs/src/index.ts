/** A frontend module of OpenMRS 3; `routes.json` names what it exports. */

import { Type, defineConfigSchema, getAsyncLifecycle } from "@openmrs/esm-framework";

const moduleName = "@tessera/esm-messages-app";

export function startupApp(): void {
  defineConfigSchema(moduleName, {
    relay: { _type: Type.String, _default: "", _description: "URL of the relay" },
    filingSecret: { _type: Type.String, _default: "", _description: "32 random bytes as base64, one for the deployment" },
    emergencyNumber: { _type: Type.String, _default: "", _description: "Shown below the messages" },
  });
}

export const messages = getAsyncLifecycle(() => import("./messages.component.js"), {
  featureName: "messages",
  moduleName,
});
