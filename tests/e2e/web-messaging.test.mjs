// SMART Web Messaging in real frames of several web origins, with hostile ones among them.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { fromCommunication } from "../../pkg/dist/fhir/index.js";
import { holds, launch, newProfile } from "./support/browser.mjs";
import { serveSites } from "./support/sites.mjs";

const EHR = "https://ehr.example";
const APP = "https://app.example";
const EVIL = "https://evil.example";
const HANDLE = "handle-7f3a";
const WORDS = "Continue metformin 500 mg BID.";

/** A page that keeps what it is sent, and answers as `window.answer` says. */
const listener = (body) => `<!doctype html><title>EHR</title>${body}<script>
  window.received = [];
  addEventListener("message", (event) => {
    received.push({ origin: event.origin, ...(typeof event.data === "object" ? event.data : { data: event.data }) });
    for (const payload of window.answer?.(event.data) ?? [])
      event.source.postMessage({ messageId: crypto.randomUUID(), responseToMessageId: event.data.messageId, payload }, event.origin);
  });
</script>`;
const frame = (name, origin, path = "/") => `<iframe name="${name}" src="${origin}${path}"></iframe>`;

const SITES = {
  [EHR]: {
    "/": listener(frame("app", APP) + frame("sibling", EHR, "/sibling") + frame("evil", EVIL)),
    "/sibling": "<!doctype html><title>Another page of the EHR</title>",
  },
  [APP]: {
    "/": `<!doctype html><title>App</title><button id="file">File this message</button><script type="module">
      import { connectEhr, preparedCommunication } from "/dist/smart/index.js";
      import { isTesseraError } from "/dist/errors.js";
      Object.assign(window, { connectEhr, preparedCommunication, isTesseraError });
    </script>`,
    "/dist/": new URL("../../pkg/dist/", import.meta.url),
  },
  [EVIL]: {
    "/": "<!doctype html><title>Evil</title>",
    "/frames-the-app": listener(frame("app", APP)),
    "/in-the-same-window": listener(""),
  },
};

describe("SMART Web Messaging", () => {
  let browser, context;
  before(async () => {
    browser = await launch();
  });
  afterEach(() => context?.close());
  after(() => browser?.close());

  /** Opens a page with the app in a frame, connected with this launch context. */
  async function open(
    url = `${EHR}/`,
    launch = { smart_web_messaging_handle: HANDLE, smart_web_messaging_origin: EHR },
  ) {
    context = await newProfile(browser);
    await serveSites(context, SITES);
    const page = await context.newPage();
    await page.goto(url);
    const app = page.frame({ name: "app" });
    await holds(app, () => "connectEhr" in window);
    await app.evaluate((launch) => {
      window.settled = (promise) =>
        promise.then(
          (answer) => answer,
          (error) => ({ tessera: isTesseraError(error), code: error.code }),
        );
      window.ehr = connectEhr(launch);
      window.words = (text) =>
        preparedCommunication({ text, subject: { reference: "Patient/1" }, recipient: { reference: "Patient/1" } });
    }, launch);
    return { page, app };
  }

  /** Sets how the EHR answers, by a function that is run in its page. */
  const answering = (page, source) => page.evaluate(`window.answer = ${source}`);
  const ask = (app, source) => app.evaluate(`settled(${source})`);
  /** Waits until the frame has handled every message that was sent to it before. */
  const handled = (from, to) =>
    Promise.all([
      to.evaluate(
        () => new Promise((resolve) => addEventListener("message", ({ data }) => data === "last" && resolve())),
      ),
      from.evaluate(() => (window.parent === window ? frames.app : parent.frames.app).postMessage("last", "*")),
    ]);

  test("each request has the handle, an id of its own and its payload, and is answered", async () => {
    const { page, app } = await open();
    await answering(page, `({ messageType }) => messageType === "status.handshake" ? [{}] : [{ status: "success" }]`);
    const accepted = { accepted: true, location: null, detail: null };
    assert.deepEqual(await ask(app, "ehr.handshake()"), accepted);
    assert.deepEqual(await ask(app, "ehr.done()"), accepted);
    assert.deepEqual(
      await ask(app, `ehr.launchActivity("problem-review", { problemLocation: "Condition/1" })`),
      accepted,
    );
    const received = await page.evaluate(() => received);
    assert.deepEqual(
      received.map(({ origin, messagingHandle, messageType, payload }) => [
        origin,
        messagingHandle,
        messageType,
        payload,
      ]),
      [
        [APP, HANDLE, "status.handshake", {}],
        [APP, HANDLE, "ui.done", {}],
        [
          APP,
          HANDLE,
          "ui.launchActivity",
          { activityType: "problem-review", activityParameters: { problemLocation: "Condition/1" } },
        ],
      ],
    );
    assert.equal(new Set(received.map(({ messageId }) => messageId)).size, 3);
  });

  test("a refusal of the EHR is not success, and an answer of another form is an error", async () => {
    const { page, app } = await open();
    for (const [payload, expected] of [
      [
        { status: "failure", statusDetail: { text: "busy" } },
        { accepted: false, location: null, detail: "busy" },
      ],
      [{ status: "200 OK" }, { tessera: true, code: "MALFORMED" }],
      ["success", { tessera: true, code: "MALFORMED" }],
      [null, { tessera: true, code: "MALFORMED" }],
    ]) {
      await answering(page, `() => [${JSON.stringify(payload)}]`);
      assert.deepEqual(await ask(app, "ehr.done()"), expected);
    }
    await answering(page, `() => [{ error: { code: "off", display: "Not enabled" } }]`);
    assert.deepEqual(await ask(app, "ehr.handshake()"), { accepted: false, location: null, detail: "Not enabled" });
  });

  test("answers of a wrong origin, of a wrong window and of a wrong id are ignored", async () => {
    const { page, app } = await open();
    const answer = app.evaluate(() => settled(ehr.done()));
    await holds(page, () => received.length === 1);
    const [{ messageId }] = await page.evaluate(() => received);
    const forge = (from, id) =>
      from.evaluate(
        ([id, target]) =>
          (window.parent === window ? frames : parent.frames)[target].postMessage(
            { messageId: "f", responseToMessageId: id, payload: { status: "failure" } },
            "*",
          ),
        [id, "app"],
      );
    await forge(page.frame({ name: "evil" }), messageId);
    await forge(page.frame({ name: "sibling" }), messageId);
    await forge(page, "another id");
    await forge(app, messageId);
    await handled(page, app);
    await page.evaluate(
      ([id, origin]) =>
        frames.app.postMessage({ messageId: "a", responseToMessageId: id, payload: { status: "success" } }, origin),
      [messageId, APP],
    );
    assert.equal((await answer).accepted, true);
  });

  test("an answer that is sent again answers nothing", async () => {
    const { page, app } = await open();
    await answering(page, `() => [{ status: "success" }, { status: "failure" }]`);
    assert.equal((await ask(app, "ehr.done()")).accepted, true);
    const [{ messageId }] = await page.evaluate(() => received);
    await answering(page, "() => []");
    const second = app.evaluate(() => settled(ehr.done()));
    await holds(page, () => received.length === 2);
    const replay = ([id, origin, status]) =>
      frames.app.postMessage({ messageId: "r", responseToMessageId: id, payload: { status } }, origin);
    await page.evaluate(replay, [messageId, APP, "failure"]);
    await handled(page, app);
    const [, { messageId: newest }] = await page.evaluate(() => received);
    await page.evaluate(replay, [newest, APP, "success"]);
    assert.equal((await second).accepted, true);
  });

  test("a handshake that the EHR begins is answered once, with the right handle only", async () => {
    const { page, app } = await open();
    const greet = (from, messageId, messagingHandle) =>
      from.evaluate(
        ([messageId, messagingHandle]) =>
          (window.parent === window ? frames : parent.frames).app.postMessage(
            { messageId, messagingHandle, messageType: "status.handshake", payload: {} },
            "*",
          ),
        [messageId, messagingHandle],
      );
    await greet(page, "wrong handle", "another");
    await greet(page, "no handle", undefined);
    await greet(page.frame({ name: "evil" }), "wrong origin", HANDLE);
    await greet(page.frame({ name: "sibling" }), "wrong window", HANDLE);
    await greet(page, "right", HANDLE);
    await greet(page, "right", HANDLE);
    await greet(page, "next", HANDLE);
    await holds(page, () => received.some(({ responseToMessageId }) => responseToMessageId === "next"));
    assert.deepEqual(await page.evaluate(() => received.map(({ responseToMessageId: id, payload }) => [id, payload])), [
      ["right", {}],
      ["next", {}],
    ]);
    assert.equal(await app.evaluate(() => "received" in window), false);
  });

  test("a page of another origin that frames the app receives nothing", async () => {
    const { page, app } = await open(`${EVIL}/frames-the-app`);
    const answer = app.evaluate(() => settled(ehr.handshake({ signal: AbortSignal.timeout(300) })));
    assert.deepEqual(await answer, { tessera: true, code: "ABORTED" });
    await app.evaluate(() => parent.postMessage("to anybody", "*"));
    await holds(page, () => received.length > 0);
    assert.deepEqual(
      await page.evaluate(() => received.map(({ data }) => data)),
      ["to anybody"],
      "it was listening, and got only what was for anybody",
    );
  });

  test("another page in the window of the EHR that opened the app is not the EHR", async () => {
    context = await newProfile(browser);
    await serveSites(context, SITES);
    const page = await context.newPage();
    await page.goto(`${EHR}/sibling`);
    const opened = page.waitForEvent("popup");
    await page.evaluate((app) => void window.open(app, "app"), `${APP}/`);
    const app = await opened;
    await holds(app, () => "connectEhr" in window);
    // By the page itself: a navigation by the browser's user would part the two windows.
    await page.evaluate((url) => void location.assign(url), `${EVIL}/in-the-same-window`);
    await page.waitForURL(`${EVIL}/in-the-same-window`);
    const state = await app.evaluate(
      async ([handle, origin, evil]) => {
        const fromEvil = new Promise((resolve) =>
          addEventListener("message", (event) => event.origin === evil && resolve(event.source === window.opener)),
        );
        const ehr = connectEhr({ smart_web_messaging_handle: handle, smart_web_messaging_origin: origin });
        const real = crypto.randomUUID.bind(crypto);
        crypto.randomUUID = () => "known to the other page";
        window.answer = "none";
        void ehr.done().then(
          ({ accepted }) => (window.answer = accepted),
          () => {},
        );
        crypto.randomUUID = real;
        window.opener.postMessage("greet me", "*");
        window.sameWindow = fromEvil;
        return window.answer;
      },
      [HANDLE, EHR, EVIL],
    );
    assert.equal(state, "none");
    await holds(page, () => received.length > 0);
    assert.deepEqual(await page.evaluate(() => received.map(({ data }) => data)), ["greet me"]);
    await page.evaluate((app) => {
      window.answer = undefined;
      const target = window.open("", "app");
      target.postMessage(
        { messageId: "f", responseToMessageId: "known to the other page", payload: { status: "success" } },
        app,
      );
    }, APP);
    assert.equal(await app.evaluate(() => sameWindow), true, "the window is the EHR's, the origin is not");
    assert.equal(await app.evaluate(() => answer), "none");
  });

  test("a message body leaves with a person's click, one for each click", async () => {
    const { page, app } = await open();
    await answering(page, `() => [{ status: "201 Created", location: "Communication/7" }]`);
    await app.evaluate((text) => {
      window.outcomes = [];
      document.querySelector("#file").addEventListener("click", async (click) => {
        outcomes.push(await settled(ehr.prepare(words(text), click)));
        outcomes.push(await settled(ehr.prepare(words(text), click)));
      });
    }, WORDS);
    const outcomes = async (count) => {
      await holds(app, (count) => outcomes.length === count, count);
      return app.evaluate(() => outcomes.splice(0));
    };
    const refused = { tessera: true, code: "INVALID_ARGUMENT" };
    await app.evaluate(() => document.querySelector("#file").click());
    assert.deepEqual(await outcomes(2), [refused, refused], "a script's click is not a person's");
    for (const event of ["undefined", "{}", `{ type: "click", isTrusted: true }`, `new MouseEvent("click")`])
      assert.deepEqual(await ask(app, `ehr.prepare(words("${WORDS}"), ${event})`), refused);
    assert.deepEqual(await page.evaluate(() => received), [], "nothing has left");

    await app.click("#file");
    assert.deepEqual(await outcomes(2), [{ accepted: true, location: "Communication/7", detail: null }, refused]);
    const [{ messageType, payload }] = await page.evaluate(() => received);
    assert.equal(messageType, "scratchpad.create");
    const draft = fromCommunication(payload.resource, ({ reference }) =>
      reference === "Patient/1" ? { id: "ana", state: "active" } : null,
    );
    assert.deepEqual(draft, { contactId: "ana", text: WORDS, attachments: [] });

    for (const [answer, expected] of [
      [{ status: "201 Created" }, { tessera: true, code: "MALFORMED" }],
      [
        { status: "201 Created", location: "javascript:alert(1)" },
        { tessera: true, code: "MALFORMED" },
      ],
      [
        { status: "422", outcome: { issue: [{ details: { text: "no" } }] } },
        { accepted: false, location: null, detail: "no" },
      ],
    ]) {
      await answering(page, `() => [${JSON.stringify(answer)}]`);
      await app.click("#file");
      assert.deepEqual((await outcomes(2))[0], expected);
    }
  });

  test("only a Communication in preparation may be put on the scratchpad", async () => {
    const { page, app } = await open();
    await app.evaluate(() => {
      document.querySelector("#file").addEventListener("click", async (click) => {
        window.outcome = await settled(ehr.prepare({ ...words("x"), status: "completed" }, click));
      });
    });
    await app.click("#file");
    await holds(app, () => "outcome" in window);
    assert.equal((await app.evaluate(() => outcome)).code, "INVALID_ARGUMENT");
    assert.deepEqual(await page.evaluate(() => received), []);
  });

  test("there is a channel only with a handle, an exact origin and a window of the EHR", async () => {
    const { app } = await open();
    const connect = (launch) =>
      app.evaluate((launch) => {
        try {
          return connectEhr(launch) === null ? "none" : "channel";
        } catch (error) {
          return error.code;
        }
      }, launch);
    const launch = (smart_web_messaging_origin) => ({ smart_web_messaging_handle: HANDLE, smart_web_messaging_origin });
    assert.equal(await connect({}), "none");
    assert.equal(await connect({ smart_web_messaging_handle: HANDLE }), "none");
    assert.equal(await connect({ smart_web_messaging_origin: EHR }), "none");
    for (const origin of ["*", "null", "/", "ehr.example", `${EHR}/`, "http://ehr.example", "https://EHR.example", 7])
      assert.equal(await connect(launch(origin)), "INVALID_ARGUMENT", String(origin));
    assert.equal(await connect(launch("http://localhost:8080")), "channel");
    const alone = await context.newPage();
    await alone.goto(`${APP}/`);
    await holds(alone, () => "connectEhr" in window);
    assert.equal(await alone.evaluate((launch) => connectEhr(launch), launch(EHR)), null);
  });

  test("what waits ends with its signal or with the channel", async () => {
    const { app } = await open();
    assert.deepEqual(await ask(app, "ehr.done({ signal: AbortSignal.abort() })"), { tessera: true, code: "ABORTED" });
    assert.deepEqual(
      await app.evaluate(() => {
        const waiting = settled(ehr.done());
        ehr.close();
        return waiting;
      }),
      { tessera: true, code: "DISPOSED" },
    );
    assert.deepEqual(await ask(app, "ehr.done()"), { tessera: true, code: "DISPOSED" });
  });
});
