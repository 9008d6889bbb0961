import assert from "node:assert/strict";
import { journeys } from "./lib/journey.mjs";
import { giveCode, heading, inside, press, signUp } from "./lib/steps.mjs";

// So little that a handful of strangers spend it. The pages of the hour are counted in
// hours of UTC, so the clock is put to the beginning of one.
const journey = journeys({ settings: "\t\tlimits {\n\t\t\tsends_email_hour 10\n\t\t}\n" });

/** Asks for codes until strangers are asked for an effort. */
async function underPressure(stack, browser, newPerson) {
  const minutes = 65 - new Date().getUTCMinutes();
  await stack.wait(`${minutes}m`);
  const crowd = await browser.newContext({ baseURL: stack.origin, javaScriptEnabled: false });
  try {
    const page = await crowd.newPage();
    for (let n = 0; n < 12; n += 1) {
      await page.goto("/.auth/sign-in");
      await page.getByLabel("Email address").fill(newPerson().email);
      await press(page, "Continue");
      await page.getByRole("heading", { level: 1 }).waitFor();
      if (await page.getByRole("heading", { level: 1, name: "One moment" }).count()) return n;
    }
  } finally {
    await crowd.close();
  }
  throw new Error("nobody was asked for an effort");
}

journey("under pressure the browser makes an effort by itself, and the person goes on", async ({ page, stack, context, person, newPerson }) => {
  const n = await underPressure(stack, context.browser(), newPerson);
  assert.ok(n >= 7 && n <= 9, `asked after ${n} mails of 10`);
  await page.goto("/");
  await signUp(page, stack, person);
  await inside(page, "Payslips", person);
});

journey("without scripts the person waits half a minute, and goes on", async ({ page, stack, person, context, newPerson }) => {
  await stack.wait("2h");
  await underPressure(stack, context.browser(), newPerson);
  await page.goto("/.auth/sign-up");
  await page.getByLabel("Email address").fill(person.email);
  await press(page, "Continue");
  await heading(page, "One moment");
  await press(page, "Continue");
  await heading(page, "One moment");
  await stack.wait("31s");
  await press(page, "Continue");
  await heading(page, "Check your email");
  await giveCode(page, stack, person.email);
  await heading(page, "Choose a password");
}, { javaScriptEnabled: false });
