// A forgotten password: replaced with a code by mail, by whoever holds the mailbox, and
// worth one channel for a while.
import assert from "node:assert/strict";
import { journeys } from "./lib/journey.mjs";
import { look } from "./lib/look.mjs";
import { agreeToEnrol, codeField, enrolPhone, giveCode, heading, inside, passwordField, path, press, problem, proveToReset, resetPassword, signInWithPassword, signOut, signUp } from "./lib/steps.mjs";

const journey = journeys();
const chosen = "another four words of mine";

for (const javaScriptEnabled of [true, false]) {
  const scripts = javaScriptEnabled ? "on" : "off";

  journey(`a forgotten password is replaced on the way to the page that was wanted, with scripts ${scripts}`, async ({ page, stack, person }) => {
    await page.goto("/");
    await signUp(page, stack, person, { password: person.password });
    await signOut(page);

    await page.goto("/?month=2026-10");
    await signInWithPassword(page, person, "not the password");
    await problem(page, /don.t match/);
    await page.locator("#problem").getByRole("link", { name: "reset your password" }).waitFor();
    const before = (await stack.messages(person.email)).length;
    await page.getByRole("link", { name: "Forgot your password?" }).click();
    await heading(page, "Reset your password");
    assert.equal(await page.getByLabel("Email address").inputValue(), person.email, "the address is there already");
    assert.equal((await stack.messages(person.email)).length, before, "a GET sends nothing");

    await press(page, "Email me a code");
    await heading(page, "Check your email");
    await problem(page, "Your password has not been changed yet.");
    await codeField(page).fill("000000");
    await press(page, "Continue");
    await problem(page, /That code isn.t right/);
    await page.locator("#code:focus").waitFor();
    await giveCode(page, stack, person.email);
    await heading(page, "Choose a new password");
    assert.equal(await page.locator("input[autocomplete=username]").inputValue(), person.email, "password managers file it under the address");
    await passwordField(page).fill("short");
    await press(page, "Change password");
    await problem(page, /15 characters or more/);
    await page.locator("#new-password:focus").waitFor();
    await passwordField(page).fill(chosen);
    await press(page, "Change password");
    await inside(page, "Payslips", person);
    assert.equal(path(page), "/?month=2026-10");
    const [notice] = (await stack.messages(person.email)).filter((message) => message.purpose === "notice.password_reset");
    assert.match(notice.subject, /Your Harbour Mutual password was reset/);

    await signOut(page);
    await page.goto("/");
    await signInWithPassword(page, person);
    await problem(page, /don.t match/);
    await passwordField(page).fill(chosen);
    await press(page, "Sign in");
    await inside(page, "Payslips", person);
  }, { javaScriptEnabled });
}

journey("a reset signs every other device out", async ({ page, stack, person, context }) => {
  await page.goto("/");
  await signUp(page, stack, person, { password: person.password });
  await inside(page, "Payslips", person);
  const elsewhere = await context.browser().newContext({ baseURL: stack.origin });
  const other = await elsewhere.newPage();
  await other.goto("/.auth/reset");
  await resetPassword(other, stack, person, chosen);
  await inside(other, "Payslips", person);
  await page.reload();
  await heading(page, "Sign in");
  await elsewhere.close();
});

journey("the mailbox that reset a password is no second factor, and the page says until when", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person, { password: person.password });
  await signOut(page);
  await page.goto("/.auth/reset?return_to=%2Ftransfer");
  await resetPassword(page, stack, person, chosen);
  await heading(page, /can.t open this page with this account yet/);
  await problem(page, /Your password was set with a code by email\. Until .* UTC, in about 24 hours/);
  await look(page, "stuck-mailbox-spent");
  await page.getByRole("link", { name: "Go to Payroll" }).click();
  await inside(page, "Payslips", person);
  await page.goto("/admin/");
  await heading(page, /can.t open this page with this account yet/);
  await page.getByRole("link", { name: "Sign out" }).click();
  await heading(page, "Sign out of Payroll?");
});

journey("a reset still owes the phone, and says so", async ({ page, stack, person }) => {
  await page.goto("/admin/");
  await signUp(page, stack, person, { password: person.password });
  await enrolPhone(page, stack, person);
  await inside(page, "Bank details", person);
  await signOut(page);
  await page.goto("/.auth/reset?return_to=%2Fadmin%2F%3Fa%3D1");
  await resetPassword(page, stack, person, chosen);
  await heading(page, "Check your phone");
  await problem(page, /Your password has been changed. Payroll also needs a second way/);
  await page.locator("#code:focus").waitFor();
  await giveCode(page, stack, person.e164);
  await inside(page, "Bank details", person);
  assert.equal(path(page), "/admin/?a=1");

  await signOut(page); // what was proved in that sign-in says nothing of the next
  await page.goto("/transfer");
  await signInWithPassword(page, person, chosen);
  await heading(page, "Check your phone");
});

journey("whoever is signed in and never knew the password may reset it", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person, { password: person.password });
  await page.goto("/.auth/reset");
  await problem(page, /You.re signed in as/);
  assert.equal(await page.getByLabel("Email address").inputValue(), person.email);
  await resetPassword(page, stack, person, chosen);
  await inside(page, "Payslips", person);
});

journey("a reset finished beside another person's session says so, and signs that person out", async ({ page, stack, person, newPerson, context }) => {
  await page.goto("/");
  await signUp(page, stack, person, { password: person.password });
  await signOut(page);
  await page.goto("/.auth/reset");
  await proveToReset(page, stack, person);

  const second = newPerson();
  const tab = await context.newPage();
  await tab.goto("/");
  await signUp(tab, stack, second);
  await inside(tab, "Payslips", second);
  await page.reload();
  await problem(page, `In this browser, ${second.email} is signed in`);
  await look(page, "reset-another");
  await passwordField(page).fill(chosen);
  await press(page, "Change password");
  await inside(page, "Payslips", person);
  await tab.reload();
  await inside(tab, "Payslips", person);
});

for (const javaScriptEnabled of [true, false]) {
  const scripts = javaScriptEnabled ? "on" : "off";
  journey(`back, reload and a second press reset no password twice, with scripts ${scripts}`, async ({ page, stack, person }) => {
    await page.goto("/?here=1");
    await signUp(page, stack, person, { password: person.password });
    await signOut(page);
    await page.goto("/.auth/reset?return_to=%2F%3Fhere%3D2");
    await proveToReset(page, stack, person);
    const sent = (await stack.messages(person.email)).length;
    await page.reload();
    await heading(page, "Choose a new password");
    await page.goBack(); // the code is used up, so its page leads on
    await heading(page, "Choose a new password");
    const form = page.url();
    await passwordField(page).fill(chosen);
    await press(page, "Change password");
    await inside(page, "Payslips", person);
    await page.goBack();
    await inside(page, "Payslips", person);
    await page.goto(form);
    await inside(page, "Payslips", person);
    assert.equal(path(page), "/?here=2");
    assert.equal((await stack.messages(person.email)).length, sent + 1, "only the notice was sent");
  }, { javaScriptEnabled });
}

journey("a double click on the new password sends one form", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person, { password: person.password });
  await signOut(page);
  await page.goto("/.auth/reset");
  await proveToReset(page, stack, person);
  const posts = [];
  page.on("request", (request) => request.method() === "POST" && posts.push(request.url()));
  await passwordField(page).fill(chosen);
  await page.getByRole("button", { name: "Change password" }).dblclick();
  await inside(page, "Payslips", person);
  assert.equal(posts.length, 1);
});

journey("an address without an account, and one without a password, see the same page", async ({ page, stack, person, newPerson }) => {
  const withPassword = newPerson(), nobody = newPerson();
  await page.goto("/");
  await signUp(page, stack, person);
  await signOut(page);
  await page.goto("/");
  await signUp(page, stack, withPassword, { password: person.password });
  await signOut(page);
  const seen = [];
  for (const { email } of [withPassword, person, nobody]) {
    await page.goto("/.auth/reset");
    await page.getByLabel("Email address").fill(email);
    await press(page, "Email me a code");
    await heading(page, "Check your email");
    seen.push((await page.locator("main").innerText()).replaceAll(email, "someone"));
    await codeField(page).fill("000000");
    await press(page, "Continue");
    await problem(page, /That code isn.t right/);
    seen.push((await page.locator("main").innerText()).replaceAll(email, "someone"));
  }
  assert.deepEqual(seen.slice(2, 4), seen.slice(0, 2));
  assert.deepEqual(seen.slice(4), seen.slice(0, 2));
  const [{ purpose, text }] = await stack.messages(person.email);
  assert.equal(purpose, "notice.no_password");
  assert.match(text, new RegExp(`sign in at ${new URL(stack.origin).host}/\\.auth/sign-in`));
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [320, 1000]) {
    journey(`every page of a reset is sound on a ${colorScheme} screen ${width} px wide`, async ({ page, stack, person }) => {
      await page.goto("/admin/");
      await signUp(page, stack, person, { password: person.password });
      await enrolPhone(page, stack, person);
      await signOut(page);
      await page.goto("/transfer");
      await signInWithPassword(page, person, "not the password");
      await problem(page, /don.t match/);
      await look(page, "password-reset-link");
      await page.getByRole("link", { name: "Forgot your password?" }).click();
      await heading(page, "Reset your password");
      await look(page, "reset");
      await page.getByLabel("Email address").fill("dana@");
      await press(page, "Email me a code");
      await problem(page, "in the correct format");
      await look(page, "reset-error");
      await page.getByLabel("Email address").fill(person.email);
      await press(page, "Email me a code");
      await heading(page, "Check your email");
      await look(page, "reset-code");
      await giveCode(page, stack, person.email);
      await heading(page, "Choose a new password");
      await look(page, "reset-new-password");
      await passwordField(page).fill("passwordpassword");
      await press(page, "Change password");
      await problem(page, /harder to guess/);
      await look(page, "reset-new-password-error");
      await passwordField(page).fill(chosen);
      await press(page, "Change password");
      await heading(page, "Check your phone");
      await look(page, "reset-second-factor");
      await giveCode(page, stack, person.e164);
      await heading(page, "Transfer");
      await page.goto("/.auth/reset");
      await look(page, "reset-signed-in");
    }, { colorScheme, viewport: { width, height: 800 } });
  }
}
