// The checklist, continued: long words, large text, every language, and the focus.
import assert from "node:assert/strict";
import { test } from "node:test";
import { check, checklist, narrow, wide } from "./lib/checklist.mjs";
import { layout, spread, takeIn } from "./lib/checks.mjs";
import { patrol } from "./lib/patrol.mjs";

const stage = checklist({ pseudo: true });

test("no page is wider than a phone or loses words, with text twice as large and words half as long again", async () => {
  const long = [...stage.pages("en"), ...stage.pages("en-XA")];
  await patrol(stage.browser, long, { viewport: narrow }, async (page, entry, say) => {
    await page.evaluate(spread, true);
    await check(page, say, layout);
  });
});

// In every language, one page of it takes in the bodies of all others: they share a stylesheet.
test("no page in any language is wider than a phone", async () => {
  const languages = [...new Set(stage.gallery.shown.map((e) => e.lang))];
  assert.ok(languages.length >= 12, `there are ${languages}`);
  const first = languages.map((lang) => stage.pages(lang)[0]);
  await patrol(stage.browser, first, { viewport: narrow, bypassCSP: true }, async (page, entry, say) => {
    await page.addScriptTag({ content: `globalThis.layout = ${layout}` });
    for (const { name, fault } of await page.evaluate(takeIn, stage.pages(entry.lang).map(({ url, name }) => ({ url, name })))) {
      say(`${name}: ${fault}`);
    }
  });
});

test("with scripts off, the focus is on what is wrong", async () => {
  const wrong = stage.pages("en");
  let errors = 0;
  await patrol(stage.browser, wrong, { viewport: narrow, javaScriptEnabled: false }, async (page, entry, say) => {
    const { title, wants } = await page.evaluate(() => ({ title: document.title, wants: document.querySelectorAll("[autofocus]").length }));
    if (title.startsWith("Error: ")) {
      errors += 1;
      if (wants !== 1) say(`${wants} elements want the focus`);
    }
    if (wants === 1) await page.locator("[autofocus]:focus").waitFor({ timeout: 5000 }).catch(() => say("the focus is not where it should be"));
  });
  assert.ok(errors > 20, `${errors} pages say that something is wrong`);
});

test("the keyboard alone reaches everything, in the order of reading, from the skip link on", async () => {
  await patrol(stage.browser, stage.main, { viewport: wide }, async (page, entry, say) => {
    const order = await page.evaluate(() => {
      const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), summary, [tabindex]:not([tabindex='-1'])")]
        .filter((e) => e.checkVisibility() && (e.type !== "radio" || e.checked || !document.querySelector(`input[name="${e.name}"]:checked`) && e === document.querySelector(`input[name="${e.name}"]`)));
      all.forEach((e, i) => { e.dataset.order = i; });
      return all.length;
    });
    const walked = [];
    for (let i = 0; i <= order + 1 && walked.length < order; i += 1) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => document.activeElement.dataset.order);
      if (at !== undefined) walked.push(Number(at));
    }
    const first = walked.indexOf(0);
    const turned = [...walked.slice(first), ...walked.slice(0, first)];
    if (turned.join() !== Array.from({ length: order }, (_, i) => i).join()) say(`the Tab key walks ${turned.join(" ")}`);
    await page.evaluate(() => document.querySelector(".skip").focus());
    await page.keyboard.press("Enter");
    if (await page.evaluate(() => document.activeElement.id) !== "main") say("the skip link does not lead to the content");
    for (const href of await page.$$eval("#problem a[href^='#']", (links) => links.map((a) => a.getAttribute("href")))) {
      await page.locator(`#problem a[href="${href}"]`).focus();
      await page.keyboard.press("Enter");
      if (await page.evaluate(() => `#${document.activeElement.id}`) !== href) say(`a link in the box does not lead to ${href}`);
    }
  });
});
