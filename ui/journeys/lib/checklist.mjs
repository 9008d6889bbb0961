// The stage of the checklist's tests: a browser, a gallery, and the few pages on which
// everything is to be seen.
import { after, before } from "node:test";
import { startGallery } from "./gallery.mjs";
import { cover, launch } from "./patrol.mjs";

export const brand = "Harbour Mutual";
export const narrow = { width: 320, height: 640 }, wide = { width: 1000, height: 800 };

/**
 * Prepares a file's tests. The answer has browser, gallery and main once they run, and
 * pages(lang).
 */
export function checklist(options) {
  const stage = { pages: (lang) => stage.gallery.shown.filter((e) => e.kind === "page" && e.lang === lang) };
  before(async () => {
    [stage.browser, stage.gallery] = await Promise.all([launch(), startGallery(options)]);
    stage.main = await cover(stage.browser, stage.pages("en"));
  });
  after(async () => {
    await stage.browser?.close();
    await stage.gallery?.stop();
  });
  return stage;
}

/** The screen as it is from now on. */
export async function turn(page, viewport, colorScheme) {
  await page.setViewportSize(viewport);
  await page.emulateMedia({ colorScheme });
}

/** Says all that a check says of the page. */
export async function check(page, say, what, ...args) {
  (await page.evaluate(what, ...args)).forEach(say);
}
