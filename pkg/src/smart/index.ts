/** SMART Web Messaging 1.0 for an app that an EHR launched. Needs a page; no network, no WebAssembly. */

export { preparedCommunication, type Preparation } from "./communication.js";
export { connectEhr, EhrChannel, type EhrAnswer, type LaunchContext, type RequestOptions } from "./ehr-channel.js";
