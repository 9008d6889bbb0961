// The language of pages and messages: preferred, asked for, and chosen in the footer.
import assert from "node:assert/strict";
import { axe } from "./lib/axe.mjs";
import { layout } from "./lib/checks.mjs";
import { journeys } from "./lib/journey.mjs";
import { until } from "./lib/process.mjs";
import { heading, path } from "./lib/steps.mjs";

const journey = journeys();
const language = (page) => page.locator("html").getAttribute("lang");
const footer = (page) => page.locator("footer details");

/** The languages in the footer, by tag: what each calls itself. */
async function offered(page) {
  const buttons = await footer(page).locator("button").all();
  return new Map(await Promise.all(buttons.map(async (b) => [await b.getAttribute("value"), await b.textContent()])));
}

async function choose(page, tag) {
  await footer(page).locator("summary").click();
  await footer(page).locator(`button[value="${tag}"]`).click();
  await page.locator(`html[lang="${tag}"]`).waitFor();
}

for (const javaScriptEnabled of [true, false]) {
  journey(`a language chosen in the middle of a sign-in keeps the place, and sticks, scripts ${javaScriptEnabled ? "on" : "off"}`, async ({ page, stack, person }) => {
    await page.goto("/admin/?in=another+language");
    await page.locator("#email").fill(person.email);
    await page.locator("main form .btn").click();
    await heading(page, "Check your email");
    const place = path(page), names = await offered(page);
    for (const [tag, name] of names) {
      if (tag === "en") continue;
      await choose(page, tag);
      assert.equal(path(page), place, `${tag}: the flow goes on`);
      assert.equal(await footer(page).locator("summary").innerText().then((said) => said.includes(name)), true, `${tag} calls itself ${name}`);
      assert.equal(await page.locator("html").getAttribute("dir"), tag === "ar" ? "rtl" : "ltr");
      assert.match(await page.locator("label[for=code]").innerText(), /6|sechs|seis|sei|six|zes|sześ/, "digits are ASCII");
    }
    const chosen = [...names.keys()].at(-1);
    assert.equal(await language(page), chosen);
    await page.goto("/.auth/nowhere");
    assert.equal(await language(page), chosen, "on the page for what is not there");
    await page.goto("/");
    assert.equal(await language(page), chosen, "at another visit");
    assert.equal((await page.context().cookies()).filter((c) => c.name.endsWith("stepgate-language")).length, 1);

    const other = person.email.replace("dana", "kim");
    await page.goto("/.auth/sign-in");
    await page.locator("#email").fill(other);
    await page.locator("main form .btn").click();
    await page.locator("#code").waitFor();
    // To an address without an account this is a notice.
    const mail = await until(`a mail to ${other}`, async () => (await stack.messages(other))[0]);
    assert.equal(mail.lang, chosen, "the mail is in the language of the page that asked");
    assert.match(mail.html, new RegExp(`<html lang="${chosen}"`));
  }, { javaScriptEnabled });
}

journey("a language that an address asks for goes along, until another is chosen", async ({ page, person }) => {
  const names = await page.goto("/.auth/sign-in").then(() => offered(page));
  const [asked, chosen] = [...names.keys()].filter((tag) => tag !== "en");
  await page.goto(`/.auth/sign-in?ui_locales=tlh+${asked}&return_to=%2Fadmin%2F`);
  assert.equal(await language(page), asked);
  await page.locator("#email").fill(person.email);
  await page.locator("main form .btn").click();
  await page.locator("#code").waitFor();
  assert.equal(await language(page), asked, "one page on");
  assert.equal((await page.context().cookies()).some((c) => c.name.endsWith("stepgate-language")), false, "no cookie for that");
  await choose(page, chosen);
  assert.equal(await language(page), chosen);
  await page.reload();
  assert.equal(await language(page), chosen, "what a person chooses counts for more");
});

journey("the page for languages can be come to by hand", async ({ page }) => {
  await page.goto("/.auth/language");
  await heading(page, "Language");
  await page.locator('main button[value="de"]').click();
  await page.locator('html[lang="de"]').waitFor();
  assert.equal(path(page), "/.auth/language");
});

journey("every language fits a small screen, and can be read and pressed", async ({ page, person }) => {
  await page.goto("/.auth/sign-in");
  const names = await offered(page);
  for (const tag of names.keys()) {
    await page.goto(`/.auth/sign-in?ui_locales=${tag}`);
    await footer(page).locator("summary").click();
    assert.deepEqual(await page.evaluate(layout), [], tag);
    assert.deepEqual(await axe(page), [], tag);
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/language-${tag}.png`, fullPage: true });
    await page.locator("#email").fill(`${tag}.${person.email}`);
    await page.locator("main form .btn").click();
    await page.locator("#code").waitFor();
    assert.deepEqual(await page.evaluate(layout), [], `${tag}, the code's page`);
  }
}, { viewport: { width: 320, height: 640 } });

journey("a browser that prefers Arabic gets pages from right to left", async ({ page }) => {
  await page.goto("/");
  assert.equal(await page.locator("html").getAttribute("dir"), "rtl");
  const sides = await page.evaluate(() => ({
    field: getComputedStyle(document.querySelector("#email")).direction,
    heading: document.querySelector("h1").getBoundingClientRect(),
    sheet: document.querySelector("main").getBoundingClientRect(),
    text: getComputedStyle(document.querySelector("h1")).textAlign,
  }));
  assert.equal(sides.field, "ltr", "an address is typed from left to right");
  assert.match(sides.text, /start|right/);
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/arabic.png` });
}, { locale: "ar-EG" });
