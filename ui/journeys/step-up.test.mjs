import assert from "node:assert/strict";
import { journeys } from "./lib/journey.mjs";
import { agreeToEnrol, codeField, enrolPhone, giveCode, heading, inside, passwordField, path, press, problem, shown, signInWithCode, signInWithPassword, signOut, signUp } from "./lib/steps.mjs";

const journey = journeys();

journey("a sensitive page asks for a phone at first need, then opens, and is not asked about again", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await inside(page, "Payslips", person);

  await page.goto("/admin/?from=menu&n=1");
  await agreeToEnrol(page);
  await enrolPhone(page, stack, person);
  await inside(page, "Bank details", person);
  assert.equal(path(page), "/admin/?from=menu&n=1");
  assert.deepEqual(await shown(page, "acr"), ["urn:stepgate:acr:2"]);

  await page.goto("/");
  await inside(page, "Payslips", person);
  await page.goto("/admin/people");
  await inside(page, "Bank details", person);
  await page.goto("/transfer");
  await inside(page, "Transfer", person);
});

journey("signed in again, the phone is used: nothing is sent before the button, and the page opens after the code", async ({ page, stack, person }) => {
  await page.goto("/admin/");
  await signUp(page, stack, person);
  await enrolPhone(page, stack, person);
  await inside(page, "Bank details", person);
  await signOut(page);

  await page.goto("/");
  await signInWithCode(page, stack, person);
  await inside(page, "Payslips", person);
  const before = (await stack.messages(person.e164)).length;
  await page.getByRole("link", { name: "Bank details" }).click();
  await heading(page, /Confirm it.s you/);
  await page.reload();
  for (const words of ["Sensitive page in", "Bank details", person.email, /number ending in\s+0/, /15\s+minutes/]) {
    await page.getByText(words).first().waitFor();
  }
  assert.equal((await stack.messages(person.e164)).length, before, "a GET sends nothing");

  await press(page, "Text me a code");
  await heading(page, "Enter the code to open Bank details");
  await codeField(page).fill("000000");
  await press(page, "Continue");
  await problem(page, /That code isn.t right/);
  await giveCode(page, stack, person.e164);
  await inside(page, "Bank details", person);
});

journey("the way back from the check leads to the application, never to the sensitive page", async ({ page, stack, person }) => {
  await page.goto("/admin/");
  await signUp(page, stack, person);
  await enrolPhone(page, stack, person);
  await signOut(page);
  await page.goto("/");
  await signInWithCode(page, stack, person);
  await inside(page, "Payslips", person);
  await page.goto("/admin/");
  await page.getByRole("link", { name: "Go back without opening it" }).click();
  await inside(page, "Payslips", person);
});

journey("a password and a code by mail are two channels, for a page that asks for any two", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person, { password: person.password });
  await signOut(page);
  await page.goto("/transfer?to=ines");
  await signInWithPassword(page, person);
  await heading(page, "Check your email");
  await giveCode(page, stack, person.email);
  await inside(page, "Transfer", person);
  assert.equal(path(page), "/transfer?to=ines");

  await page.getByLabel("To", { exact: true }).fill("Ines Moreau");
  await page.getByLabel("Amount").fill("12.50");
  await press(page, "Transfer");
  await page.getByRole("cell", { name: "12.50" }).waitFor();

  await page.goto("/admin/");
  await heading(page, /second way|can.t open this page/);
});

journey("a code by mail twice is one channel: the password is asked for instead", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person, { password: person.password });
  await signOut(page);
  await page.goto("/");
  await signInWithCode(page, stack, person);
  await inside(page, "Payslips", person);
  await page.goto("/transfer");
  assert.equal(await page.getByRole("button", { name: "Email me a code" }).count(), 0, "the mailbox is not offered again");
  await press(page, "Use my password");
  await passwordField(page).fill(person.password);
  await press(page, "Continue");
  await inside(page, "Transfer", person);
});

journey("a script is told what is missing and is not sent to a page", async ({ page, stack, person, allow }) => {
  allow(/401 \(Unauthorized\)/);
  await page.goto("/");
  await signUp(page, stack, person);
  await inside(page, "Payslips", person);
  const answer = await page.evaluate(async () => {
    const response = await fetch("/admin/");
    return { status: response.status, redirected: response.redirected, type: response.headers.get("content-type"), body: await response.json() };
  });
  assert.equal(answer.status, 401);
  assert.equal(answer.redirected, false);
  assert.match(answer.type, /json/);
  assert.ok(new URL(answer.body.step_up_url, stack.origin).pathname.startsWith("/.auth/"));
});
