// Medplum's client names a browser's class when it is loaded; Node 20 has none, and nothing here uses it.

globalThis.WebSocket ??= class {};
