/** For tests of hosts: what every store has to do, and a relay in memory. Entry `tessera-portal/testing`. */

export { storeContract, type OpenStore, type StoreCase } from "./store-contract.js";
export { memoryRelay, type MemoryRelay, type MemoryRelayOptions } from "./memory-relay.js";
