// What must hold on every page that a person meets, whatever it is for.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { axe } from "./axe.mjs";
import { spread } from "./checks.mjs";

const shots = process.env.SHOTS;

/**
 * Judges the page as it stands, and keeps a picture under the name. `inline` is how
 * many pieces of inline code it may have.
 */
export async function look(page, name, brand = "Harbour Mutual", { inline = 0 } = {}) {
  await page.waitForLoadState(); // a heading can be there before the stylesheet is
  const { width } = page.viewportSize();
  const seen = await page.evaluate(() => ({
    lang: document.documentElement.lang,
    title: document.title,
    headings: [...document.querySelectorAll("h1")].map((h) => h.innerText.replace(/\s+/g, " ")),
    mains: document.querySelectorAll("main").length,
    sideways: document.documentElement.scrollWidth - innerWidth,
    first: document.querySelector("a, button, input")?.className ?? "",
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    background: getComputedStyle(document.body).backgroundColor,
    inline: document.querySelectorAll("style, script:not([src]), [style]:not([style='']), [onclick]").length,
    limited: document.querySelectorAll("input[maxlength][name=code], input[pattern], input[type=password][autocomplete=off]").length,
    placeholders: document.querySelectorAll("input[placeholder]").length,
  }));
  if (shots) {
    await mkdir(shots, { recursive: true });
    await page.screenshot({ path: join(shots, `${name}-${seen.dark ? "dark" : "light"}-${width}.png`), fullPage: true });
  }
  if (brand !== "Payroll") assert.equal(seen.first, "skip", `${name}: the skip link comes first`);
  assert.equal(seen.lang, "en", `${name}: the language is stated`);
  assert.equal(seen.headings.length, 1, `${name}: one h1`);
  assert.equal(seen.mains, 1, `${name}: one main`);
  assert.match(seen.title, new RegExp(`^(Error: )?${escape(seen.headings[0])} – ${brand}$`), `${name}: the title is the heading`);
  assert.ok(seen.sideways <= 0, `${name}: scrolls sideways by ${seen.sideways} px at ${width}`);
  assert.equal(luminous(seen.background), !seen.dark, `${name}: ${seen.background} on a ${seen.dark ? "dark" : "light"} screen`);
  assert.deepEqual([seen.inline, seen.limited, seen.placeholders], [inline, 0, 0], `${name}: inline code, limited fields, placeholders`);

  assert.ok(await roomy(page) <= 0, `${name}: scrolls sideways with large, widely set text`);

  assert.deepEqual(await axe(page), [], `${name}: axe`);
}

// How far the page scrolls sideways when somebody doubles the text and spreads it. The
// page is put back afterwards.
async function roomy(page) {
  await page.evaluate(spread, true);
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await page.evaluate(spread, false);
  return sideways;
}

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function luminous(colour) {
  const [r, g, b] = colour.match(/[\d.]+/g).map(Number);
  return colour.startsWith("rgb") ? r + g + b > 382 : r > 0.5;
}
