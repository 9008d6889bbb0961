// What must hold on every page that a person meets, whatever it is for.
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
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

  await page.evaluate(axe);
  const { violations } = await page.evaluate((runOnly) => globalThis.axe.run(document, { runOnly }), rules);
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join("; ")}`), [], `${name}: axe`);
}

// WCAG 1.4.4 and 1.4.12: how far the page scrolls sideways when somebody doubles the
// text and spreads it. The page is put back afterwards.
function roomy(page) {
  return page.evaluate(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-bottom: 2em !important } html { font-size: 200% }");
    const before = [...document.adoptedStyleSheets];
    document.adoptedStyleSheets = [...before, sheet];
    const sideways = document.documentElement.scrollWidth - innerWidth;
    document.adoptedStyleSheets = before;
    return sideways;
  });
}

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function luminous(colour) {
  const [r, g, b] = colour.match(/[\d.]+/g).map(Number);
  return colour.startsWith("rgb") ? r + g + b > 382 : r > 0.5;
}
