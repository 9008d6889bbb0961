// The checklist of what every page promises, held against every page in every state: not
// on the way through a journey, but one by one, from a gallery.
import { test } from "node:test";
import { axe } from "./lib/axe.mjs";
import { brand, check, checklist, narrow, turn, wide } from "./lib/checklist.mjs";
import { layout, markup } from "./lib/checks.mjs";
import { patrol } from "./lib/patrol.mjs";

const stage = checklist({ languages: ["en"], pseudo: true });

test("every page is sound and accessible, light and narrow, and dark and wide", async () => {
  await patrol(stage.browser, stage.pages("en"), { viewport: narrow, reducedMotion: "reduce" }, async (page, entry, say) => {
    await turn(page, narrow, "light");
    await check(page, say, markup, brand);
    await check(page, say, layout);
    (await axe(page)).forEach(say);
    await turn(page, wide, "dark");
    await check(page, say, layout);
    (await axe(page, { only: "looks" })).forEach(say);
  });
});

// What is left depends on the stylesheet alone: the pages on which all of it is seen will do.
test("every kind of page is accessible, dark and narrow, and light and wide", async () => {
  await patrol(stage.browser, stage.main, { viewport: narrow, reducedMotion: "reduce" }, async (page, entry, say) => {
    await turn(page, narrow, "dark");
    (await axe(page)).forEach(say);
    await turn(page, wide, "light");
    (await axe(page)).forEach(say);
  });
});

test("every page is sound and accessible from right to left", async () => {
  await patrol(stage.browser, stage.pages("ar-XB"), { viewport: narrow, reducedMotion: "reduce" }, async (page, entry, say) => {
    await turn(page, narrow, "light");
    await check(page, say, markup, brand);
    (await axe(page)).forEach(say);
    await turn(page, wide, "dark");
    await check(page, say, layout);
    if (stage.main.some((e) => e.name === entry.name)) (await axe(page, { only: "looks" })).forEach(say);
  });
});

test("mails can be read in the light, in the dark and on a phone", async () => {
  const mails = stage.gallery.shown.filter((e) => e.kind === "mail" && ["en", "ar-XB"].includes(e.lang));
  for (const colorScheme of ["light", "dark"]) {
    await patrol(stage.browser, mails, { viewport: narrow, colorScheme, javaScriptEnabled: true }, async (page, entry, say) => {
      if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) say("it is wider than a phone");
      (await axe(page, { only: "standards" })).forEach(say);
    });
  }
});
