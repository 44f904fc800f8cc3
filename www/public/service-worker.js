// Opens the page without a connection: keeps the page's own files, and nothing of anybody's messages or of the message service.

const CACHE = "riverside-files";
const PAGES = ["/", "/desk", "/lab", "/officer", "/text", "/stage.html", "/verify.html"];

self.addEventListener("install", (event) => {
  event.waitUntil(keepAll().then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  // File names under /assets carry a hash of their content.
  if (pathname.startsWith("/assets/") || pathname === "/favicon.svg") event.respondWith(cached(request));
  else if (PAGES.includes(pathname)) event.respondWith(fresh(request, pathname));
});

/** All files of the build, so that the page opens without a connection after its first visit. */
async function keepAll() {
  const cache = await caches.open(CACHE);
  const files = await (await fetch("/assets.json", { cache: "no-cache" })).json();
  await cache.addAll([...files, ...PAGES]);
}

async function cached(request) {
  const cache = await caches.open(CACHE);
  const known = await cache.match(request);
  if (known) return known;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

/** Without what follows the path: it may hold what concerns one person. */
async function fresh(request, pathname) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(pathname, response.clone());
    return response;
  } catch (error) {
    const known = await cache.match(pathname);
    if (known) return known;
    throw error;
  }
}
