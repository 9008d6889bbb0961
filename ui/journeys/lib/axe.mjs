// axe-core, told to leave nothing open.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const source = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
// The rules whose answer depends on colours and sizes, and not on the markup alone.
const looks = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"];

const runs = {
  looks: { runOnly: { type: "rule", values: looks }, preload: false },
  standards: { runOnly: tags.filter((tag) => tag !== "best-practice") },
};

/**
 * What axe finds, as sentences: violations, and what it could not decide. `only` is
 * "looks" for the rules that depend on the screen, and "standards" to leave out what is
 * only good practice for pages, which mails are not. It does not judge the colours of a
 * field that is empty, so empty fields have something in them meanwhile. In forced colours
 * it is not asked about contrast: the system chooses those, after axe has looked.
 */
export async function axe(page, { only } = {}) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(source);
  return page.evaluate(async (run) => {
    const empty = [...document.querySelectorAll("input.input")].filter((input) => !input.value);
    empty.forEach((input) => { input.value = "0"; });
    const rules = matchMedia("(forced-colors: active)").matches ? { "color-contrast": { enabled: false } } : {};
    const { violations, incomplete } = await globalThis.axe.run(document, { ...run, rules, iframes: false, resultTypes: ["violations", "incomplete"] });
    empty.forEach((input) => { input.value = ""; });
    const say = (kind) => (v) => v.nodes.map((n) => `axe ${kind} ${v.id}: ${n.target.join(" ")}: ${n.failureSummary.replace(/\s+/g, " ")}`);
    return [...violations.flatMap(say("finds")), ...incomplete.flatMap(say("cannot decide"))];
  }, runs[only] ?? { runOnly: tags });
}
