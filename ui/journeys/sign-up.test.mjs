import assert from "node:assert/strict";
import { journeys } from "./lib/journey.mjs";
import { giveCode, giveDetails, heading, inside, passwordField, path, press, problem, shown, signInWithCode, signInWithPassword, signOut, signUp } from "./lib/steps.mjs";

const journey = journeys();

journey("a person signs up with a code and arrives at the page they wanted", async ({ page, stack, person }) => {
  await page.goto("/?month=2026-10&x=a%20b");
  await signUp(page, stack, person);
  await inside(page, "Payslips", person);
  assert.equal(path(page), "/?month=2026-10&x=a%20b");
  assert.deepEqual(await shown(page, "acr"), ["urn:stepgate:acr:1"]);

  await signOut(page);
  await page.goto("/");
  await signInWithCode(page, stack, person);
  await inside(page, "Payslips", person);
});

journey("a person signs up with a password and signs in with it", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person, { password: person.password });
  await inside(page, "Payslips", person);

  await signOut(page);
  await page.goto("/");
  await signInWithPassword(page, person, "not my password at all");
  await problem(page, /don.t match/);
  assert.equal(await passwordField(page).inputValue(), "", "the password is not echoed");
  assert.equal(await page.getByLabel("Email address").inputValue(), person.email);

  await passwordField(page).fill(person.password);
  await press(page, "Sign in");
  await inside(page, "Payslips", person);
});

journey("a poor password is refused with a reason, and nothing typed earlier is lost", async ({ page, stack, person }) => {
  await page.goto("/");
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("Email address").fill(person.email);
  await press(page, "Continue");
  await giveCode(page, stack, person.email);
  await heading(page, "Choose a password");
  for (const [poor, why] of [["too short", /15 characters or more/], [`${person.email} 123`, /email address/], ["passwordpassword", /harder to guess/]]) {
    await passwordField(page).fill(poor);
    await press(page, "Continue");
    await problem(page, why);
  }
  await passwordField(page).fill(person.password);
  await press(page, "Continue");
  await heading(page, "Your details");
  await press(page, "Create account");
  await problem(page, "Fill in “Name”");
  await giveDetails(page);
  await inside(page, "Payslips", person);
});

journey("signing up again with a known address leads into the account, and says nothing on the page", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await signOut(page);
  await page.goto("/");
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("Email address").fill(person.email);
  await press(page, "Continue");
  await heading(page, "Check your email");
  await giveCode(page, stack, person.email);
  await inside(page, "Payslips", person);
});
