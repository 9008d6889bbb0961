// The checklist, continued: whatever colours, contrast, motion and paper people have.
import { test } from "node:test";
import { axe } from "./lib/axe.mjs";
import { check, checklist, wide } from "./lib/checklist.mjs";
import { outlines, paper, still } from "./lib/checks.mjs";
import { startGallery } from "./lib/gallery.mjs";
import { patrol } from "./lib/patrol.mjs";

const stage = checklist({ languages: ["en"] });

for (const accent of ["#0B5D51", "#FFD60A", "#0A1F44"]) {
  test(`with the accent ${accent}, everything can be read and shows its focus, light and dark`, async () => {
    const names = new Set(stage.main.map((e) => e.name));
    const own = await startGallery({ languages: ["en"], brand: `accent "${accent}"` });
    try {
      for (const colorScheme of ["light", "dark"]) {
        const chosen = own.shown.filter((e) => e.kind === "page" && names.has(e.name));
        await patrol(stage.browser, chosen, { viewport: wide, colorScheme, reducedMotion: "reduce" }, async (page, entry, say) => {
          (await axe(page, { only: "looks" })).forEach(say);
          await page.keyboard.press("Tab");
          await check(page, say, outlines);
        });
      }
    } finally {
      await own.stop();
    }
  });
}

test("in forced colours everything keeps its edges and shows its focus", async () => {
  for (const colorScheme of ["light", "dark"]) {
    await patrol(stage.browser, stage.main, { viewport: wide, forcedColors: "active", colorScheme, reducedMotion: "reduce" }, async (page, entry, say) => {
      await page.keyboard.press("Tab");
      await check(page, say, outlines, { forced: true });
    });
  }
});

test("on paper everything is dark on white, and nothing to press is lost", async () => {
  for (const colorScheme of ["light", "dark"]) {
    await patrol(stage.browser, stage.main, { viewport: wide, colorScheme, reducedMotion: "reduce" }, async (page, entry, say) => {
      await page.emulateMedia({ media: "print" });
      await check(page, say, paper);
      await page.emulateMedia({ media: "screen" });
    });
  }
});

test("less motion is none, and more contrast is more", async () => {
  for (const colorScheme of ["light", "dark"]) {
    await patrol(stage.browser, stage.main, { viewport: wide, colorScheme, reducedMotion: "reduce", contrast: "more" }, async (page, entry, say) => {
      await check(page, say, still);
      (await axe(page, { only: "looks" })).forEach(say);
      const same = await page.evaluate(() => {
        const style = getComputedStyle(document.documentElement);
        return style.getPropertyValue("--ink-2") === style.getPropertyValue("--ink");
      });
      if (!same) say("small print is fainter than the rest");
    });
  }
});
