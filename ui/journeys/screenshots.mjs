// Pictures of the main pages for the documentation, always the same ones from the same
// pages: `make -f xcaddy.mk screenshots`. The argument is the directory.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startGallery } from "./lib/gallery.mjs";
import { launch } from "./lib/patrol.mjs";
import { indexed } from "./lib/png.mjs";

const [, , out] = process.argv;
const most = { each: 60_000, all: 600_000 }; // bytes
const desk = { width: 520, height: 720 }, phone = { width: 360, height: 720 };

// A long page is shown in part, as far as a window goes.
const pictures = [
  { file: "sign-in", name: "sign-in", viewport: desk },
  { file: "email-code", name: "code", viewport: desk, hand: (page) => page.locator("#code").fill("482913") },
  { file: "step-up", name: "step-up", viewport: desk },
  { file: "choose", name: "choose", viewport: desk },
  { file: "error", name: "code-wrong", viewport: desk },
  { file: "account", name: "account", viewport: { width: 760, height: 720 }, part: true },
  { file: "mail", name: "mail-code-sign-in", viewport: desk },
  { file: "phone", name: "step-up", viewport: phone },
  { file: "arabic", name: "code", lang: "ar", viewport: phone },
];

const [browser, gallery] = await Promise.all([launch(), startGallery({ languages: ["en", "ar"] })]);
try {
  await mkdir(out, { recursive: true });
  const canvas = await browser.newPage();
  let all = 0;
  for (const { file, name, lang = "en", viewport, hand, part = false } of pictures) {
    const entry = gallery.shown.find((e) => e.name === name && e.lang === lang);
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce" });
      const page = await context.newPage();
      await page.goto(entry.url);
      await hand?.(page);
      // Counted down, the seconds would make each picture another one: the page keeps a copy.
      await page.evaluate(() => document.querySelectorAll("[data-left]").forEach((e) => {
        e.textContent = e.dataset.left.replace("%d", "30");
        e.replaceWith(e.cloneNode(true));
      }));
      const shot = await page.screenshot({ fullPage: !part, caret: "hide" });
      await context.close();
      const { width, height, rgba } = await canvas.evaluate(pixels, shot.toString("base64"));
      const png = indexed(width, height, Buffer.from(rgba, "base64"));
      await writeFile(join(out, `${file}-${colorScheme}.png`), png);
      all += png.length;
      if (png.length > most.each || all > most.all) throw new Error(`pictures take too much room: ${file} has ${png.length} bytes, all so far ${all}`);
    }
  }
  console.log(`${2 * pictures.length} pictures in ${out}, ${all} bytes`);
} finally {
  await browser.close();
  await gallery.stop();
}

async function pixels(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes]));
  const { width, height } = bitmap, context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height), parts = [];
  for (let i = 0; i < data.length; i += 32768) parts.push(String.fromCharCode(...data.subarray(i, i + 32768)));
  return { width, height, rgba: btoa(parts.join("")) };
}
