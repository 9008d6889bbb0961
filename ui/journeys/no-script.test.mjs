import assert from "node:assert/strict";
import { journeys } from "./lib/journey.mjs";
import { codeField, enrolPhone, giveCode, heading, inside, passwordField, path, press, problem, signInWithPassword, signOut, signUp } from "./lib/steps.mjs";

const journey = journeys();
const noScript = { javaScriptEnabled: false, viewport: { width: 320, height: 640 } };

journey("everything works with scripts off: sign-up, phone, sign-out, password, step-up", async ({ page, stack, person }) => {
  await page.goto("/admin/?scripts=off");
  await signUp(page, stack, person, { password: person.password });
  await enrolPhone(page, stack, person);
  await inside(page, "Bank details", person);
  assert.equal(path(page), "/admin/?scripts=off");

  await signOut(page);
  await page.goto("/admin/?scripts=off");
  await signInWithPassword(page, person);
  await heading(page, "Check your phone");
  await giveCode(page, stack, person.e164);
  await inside(page, "Bank details", person);
  assert.equal(path(page), "/admin/?scripts=off");
}, noScript);

journey("errors take the focus with scripts off", async ({ page, person }) => {
  await page.goto("/");
  await press(page, "Continue");
  await problem(page, "Enter your email address");
  await page.locator("#email:focus").waitFor();
  await page.getByLabel("Email address").fill(person.email);
  await press(page, "Continue");
  await heading(page, "Check your email");
  await codeField(page).fill("000000");
  await press(page, "Continue");
  await problem(page, /That code isn.t right/);
  await page.locator("#code:focus").waitFor();
}, noScript);

journey("no button that only a script could serve is shown", async ({ page, person }) => {
  await page.goto("/");
  await page.getByLabel("Email address").fill(person.email);
  await press(page, "Use your password instead");
  await passwordField(page).waitFor();
  assert.equal(await page.getByRole("button", { name: "Show password" }).count(), 0);
}, noScript);
