// Looks at many pages at once, and says all that is wrong with them in one message.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** The browser, which asks nobody anything by itself. */
export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: flags });

/**
 * Opens every page, several at a time, and hands it to `visit(page, entry, say)`, which
 * says what is wrong. A page that is not silent in the console is wrong as well. The
 * test fails with every fault and the pages that have it.
 */
export async function patrol(browser, entries, options, visit, { workers = 3 } = {}) {
  assert.ok(entries.length > 0, "there is something to look at");
  const faults = new Map();
  const note = (fault, where) => faults.set(fault, [...(faults.get(fault) ?? []), where]);
  const queue = [...entries];
  await Promise.all(Array.from({ length: workers }, async () => {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    let entry;
    const where = () => `${entry.lang}/${entry.name}`;
    page.on("console", (message) => {
      if (!ofItself.test(message.text())) note(`the console says: ${message.text()}`, where());
    });
    page.on("pageerror", (error) => note(`the script fails: ${error}`, where()));
    while ((entry = queue.shift())) {
      try {
        await page.goto(entry.url);
        await visit(page, entry, (fault) => note(fault, where()));
      } catch (error) {
        note(String(error).split("\n")[0], where());
      }
    }
    await context.close();
  }));
  const told = [...faults].map(([fault, places]) => `${fault}\n  on ${places.length}: ${places.slice(0, 6).join(", ")}`);
  assert.ok(told.length === 0, `\n${told.join("\n")}`);
}

// Chromium itself says in the console that a page came with an error status, that it closes
// no window that no script has opened, and that a key was pressed before the page had come to
// give a field the focus.
const ofItself = /^(Failed to load resource: the server responded with a status of \d+|Scripts may close only the windows|Autofocus processing was blocked)/;

/**
 * The fewest pages, near enough, on which everything is to be seen that is to be seen on
 * any: each kind of element with its classes and states. What depends on the stylesheet
 * alone needs no more.
 */
export async function cover(browser, entries) {
  const parts = new Map();
  await patrol(browser, entries, { viewport: { width: 1000, height: 800 } }, async (page, entry) => {
    parts.set(entry, new Set(await page.evaluate(() => [...document.body.querySelectorAll("*")].map((e) =>
      [e.parentElement.className, e.tagName, e.className.baseVal ?? e.className, e.type, e.ariaInvalid, e.hasAttribute("autofocus"), e.checked, e.ariaDisabled].join("|")))));
  });
  const chosen = [], seen = new Set();
  const fresh = (entry) => [...parts.get(entry)].filter((part) => !seen.has(part)).length;
  for (;;) {
    const best = entries.reduce((a, b) => (fresh(b) > fresh(a) ? b : a));
    if (fresh(best) === 0) return chosen;
    chosen.push(best);
    parts.get(best).forEach((part) => seen.add(part));
  }
}
