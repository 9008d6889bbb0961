// A journey is one test with a browser of its own state: fresh cookies, one person.
// The stack and the browser process are shared by the journeys of a file.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "./patrol.mjs";
import { startStack } from "./stack.mjs";

let people = 0;
// Names and numbers that belong to nobody: example.com, and Ofcom's range for drama.
function newPerson() {
  people += 1;
  return {
    email: `dana.${process.pid}.${people}@example.com`,
    phone: `+44 7700 900${String(people).padStart(3, "0")}`,
    e164: `+447700900${String(people).padStart(3, "0")}`,
    password: "four plain words of mine",
  };
}

/**
 * Prepares a file's journeys and returns the function that defines one:
 * journey(name, async ({ page, person, stack, context, newPerson, allow }) => …, contextOptions).
 * `stackOptions` may be a function, called when the stack starts.
 */
export function journeys(stackOptions) {
  let stack, browser;
  before(async () => {
    stack = await startStack(typeof stackOptions === "function" ? await stackOptions() : stackOptions);
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await stack?.stop();
  });

  return (name, walk, contextOptions = {}) => test(name, async () => {
    const context = await browser.newContext({ baseURL: stack.origin, ...contextOptions });
    context.setDefaultTimeout(10_000);
    const heard = [], allowed = [], refused = new Set();
    context.on("console", (message) => heard.push(`${message.text()} (${message.location().url})`));
    context.on("response", (response) => {
      if (response.status() >= 400 && response.request().isNavigationRequest()) refused.add(said(response));
    });
    context.on("weberror", (error) => heard.push(String(error.error())));
    const page = await context.newPage();
    try {
      await walk({ page, context, stack, newPerson, person: newPerson(), allow: (pattern) => allowed.push(pattern) });
    } catch (error) {
      const text = await page.locator("main").innerText({ timeout: 1000 }).catch(() => "(no page)");
      error.message += `\nat ${page.url()}: ${text.replace(/\s+/g, " ")}`;
      throw error;
    } finally {
      await context.close();
    }
    const loud = heard.filter((line) => !refused.has(line) && !line.startsWith(tooFast) && !cutOff.test(line) && !allowed.some((pattern) => pattern.test(line)));
    assert.deepEqual(loud, [], "the console is silent");
  });
}

// Chromium says so when a walk types into a field before the page has come to give it
// the focus.
const tooFast = "Autofocus processing was blocked because a document already has a focused element.";

// Chromium says so when a stream ends with its session.
const cutOff = /ERR_INCOMPLETE_CHUNKED_ENCODING \(.*\/events\)/;

// Chromium itself says in the console that a page came with an error status.
const said = (response) =>
  `Failed to load resource: the server responded with a status of ${response.status()} (${response.statusText()}) (${response.url()})`;
