// The account's page and everything that can be changed from it.
import assert from "node:assert/strict";
import { journeys } from "./lib/journey.mjs";
import { look } from "./lib/look.mjs";
import { codeField, giveCode, heading, inside, passwordField, path, press, problem, signInWithCode, signInWithPassword, signUp } from "./lib/steps.mjs";

const journey = journeys();
const iPhone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";
const newWords = "another four words of mine";

const account = (page) => heading(page, "Your account");
const done = (page, words) => page.getByRole("status").filter({ hasText: words }).waitFor();
const row = (page, name) => page.getByRole("listitem").filter({ hasText: name });

/** Gives what is asked for, by whichever pages, until another page comes. */
async function prove(page, stack, person, seen = async () => {}) {
  const before = (await stack.messages(person.email)).length;
  assert.ok(before > 0);
  for (;;) {
    const h1 = await page.locator("h1").innerText();
    if (/^Confirm it.s you$/.test(h1)) {
      await seen("confirm");
      await page.locator("main form .btn").click();
    } else if (h1 === "Enter your password") {
      await seen("password");
      await passwordField(page).fill(person.password);
      await press(page, "Continue");
    } else if (await codeField(page).count() > 0 && await page.locator("#code-lead a").count() === 0) { // a new address could be changed
      await seen("code");
      await giveCode(page, stack, await page.locator("[data-webotp]").count() > 0 ? person.e164 : person.email);
    } else {
      return;
    }
    await page.waitForLoadState();
    await page.waitForFunction((old) => document.querySelector("h1")?.innerText !== old, h1);
  }
}

/** Somebody with a password who signed in too long ago for a change, at their account. */
async function arrive(page, stack, person) {
  await page.goto("/");
  await signUp(page, stack, person, { password: person.password });
  await inside(page, "Payslips", person);
  await stack.wait("6m");
  await page.goto("/.auth/account");
  await account(page);
}

async function addPhone(page, stack, person, seen = async () => {}) {
  await press(page, "Add a mobile number");
  await prove(page, stack, person, seen);
  await heading(page, "Add your mobile number");
  await seen("phone");
  await page.getByLabel("Mobile number").fill(person.phone);
  await press(page, "Text me a code");
  await heading(page, "Check your phone");
  await seen("phone-code");
  await giveCode(page, stack, person.e164);
  await done(page, "Your mobile number is added.");
}

for (const [scripts, colorScheme, width] of [[true, "light", 1000], [true, "dark", 320], [false, "dark", 1000], [false, "light", 320]]) {
  const screen = { javaScriptEnabled: scripts, colorScheme, viewport: { width, height: 800 } };
  // Axe is a script, and so is most of what look does.
  const seeing = (page, what) => (name) => (scripts ? look(page, `account-${what}${name && `-${name}`}`) : undefined);
  const where = `on a ${colorScheme} screen ${width} px wide, scripts ${scripts ? "on" : "off"}`;

  journey(`password, number and address are changed ${where}`, async ({ page, stack, person, newPerson }) => {
    const second = newPerson();
    await arrive(page, stack, person);
    await seeing(page, "fresh")("");
    await addPhone(page, stack, person, seeing(page, "add"));
    await seeing(page, "phone-added")("");

    await stack.wait("6m");
    await page.goto("/.auth/account");
    await press(page, "Change password");
    await prove(page, stack, person, seeing(page, "password"));
    await heading(page, "Choose a new password");
    assert.equal(await page.locator("input[autocomplete=username]").inputValue(), person.email);
    await seeing(page, "password")("new");
    await passwordField(page).fill("short");
    await press(page, "Change password");
    await problem(page, /characters or more/);
    await seeing(page, "password")("wrong");
    await passwordField(page).fill(newWords);
    await press(page, "Change password");
    await done(page, "Your password is changed. All other devices are signed out.");
    await seeing(page, "password")("done");
    person.password = newWords;
    await page.reload();
    await account(page);
    await page.goBack();
    await account(page);

    await stack.wait("6m");
    await page.goto("/.auth/account");
    await page.getByRole("button", { name: "Change mobile number" }).click();
    await prove(page, stack, person, seeing(page, "phone"));
    await heading(page, "Enter your new mobile number");
    await seeing(page, "phone")("new");
    await page.getByLabel("Mobile number").fill(second.phone);
    await press(page, "Text me a code");
    await heading(page, "Check your phone");
    await seeing(page, "phone")("new-code");
    await giveCode(page, stack, second.e164);
    await done(page, "Your mobile number is changed.");
    assert.match((await stack.messages(person.e164))[0].text, /was changed/, "the old number is told");
    Object.assign(person, { phone: second.phone, e164: second.e164 });

    await stack.wait("6m");
    await page.goto("/.auth/account");
    await page.getByRole("button", { name: "Change email address" }).click();
    await prove(page, stack, person, seeing(page, "email"));
    await heading(page, "Enter your new email address");
    await seeing(page, "email")("new");
    await page.getByLabel("New email address").fill(person.email.toUpperCase().replace(/@.*/, "@example.com"));
    await page.getByLabel("New email address").fill("nobody");
    await press(page, "Email me a code");
    await problem(page, "Enter an email address in the correct format");
    await page.locator("#email:focus").waitFor();
    await seeing(page, "email")("wrong");
    await page.getByLabel("New email address").fill(second.email);
    await press(page, "Email me a code");
    await heading(page, "Check your email");
    await seeing(page, "email")("new-code");
    await giveCode(page, stack, second.email);
    await done(page, "Your email address is changed.");
    await page.getByText(second.email).first().waitFor();
    for (const to of [person.email, second.email]) {
      assert.match((await stack.messages(to))[0].text, /was changed/, `${to} is told`);
    }
    person.email = second.email;
    await page.goto("/");
    await inside(page, "Payslips", person);

    await page.goto("/.auth/account");
    await page.getByRole("link", { name: "Remove mobile number" }).click();
    await heading(page, "Remove your mobile number?");
    await seeing(page, "remove")("");
    await stack.wait("6m");
    await press(page, "Remove the number");
    await prove(page, stack, person, seeing(page, "remove"));
    await done(page, "Your mobile number is removed.");
    await row(page, "Mobile number").getByText("None").waitFor();
  }, screen);

  journey(`details are mended and sign-ins are ended ${where}`, async ({ page, stack, person }) => {
    await arrive(page, stack, person);
    const others = [];
    for (const userAgent of [iPhone, undefined]) {
      const context = await page.context().browser().newContext({ baseURL: stack.origin, userAgent });
      const other = await context.newPage();
      await other.goto("/");
      await signInWithPassword(other, person);
      await inside(other, "Payslips", person);
      others.push(other);
    }
    await stack.wait("20m");
    await page.goto("/.auth/account");
    await seeing(page, "devices")("");
    await page.getByRole("link", { name: "Change what we know about you" }).click();
    await heading(page, "About you");
    await seeing(page, "about")("");
    await page.getByLabel("Name").fill(" ");
    await press(page, "Save");
    await problem(page, "Fill in “Name”");
    await page.getByLabel("Name").fill("Dana W. Okafor");
    await press(page, "Save");
    await done(page, "What you changed is saved.");
    await row(page, "Name").getByText("Dana W. Okafor").waitFor();

    await page.getByRole("button", { name: /^Sign out Safari on iPhone, Last active/ }).click();
    await done(page, "That device is signed out.");
    await others[0].reload();
    await heading(others[0], "Sign in");
    await others[1].reload();
    await inside(others[1], "Payslips", person);
    await press(page, "Sign out everywhere else");
    await done(page, "All other devices are signed out.");
    assert.equal(await page.getByRole("button", { name: "Sign out everywhere else" }).count(), 0);
    await others[1].reload();
    await heading(others[1], "Sign in");
    await page.goto("/");
    await inside(page, "Payslips", person);
    for (const other of others) await other.context().close();
  }, screen);
}

journey("a first password is added; codes by mail are then no second way for a while", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await inside(page, "Payslips", person);
  await stack.wait("6m");
  await page.goto("/.auth/account");
  await page.getByText("None: you sign in with a code").waitFor();
  await press(page, "Add a password");
  await page.getByText("Before you add a password, we check that it’s you.").waitFor();
  await press(page, "Email me a code");
  await giveCode(page, stack, person.email);
  await heading(page, "Choose a password");
  await passwordField(page).fill(person.password);
  await press(page, "Save");
  await done(page, "Your password is added.");
  await press(page, "Change password");
  await page.getByText("Your password was set with a code by email.").waitFor();
  await page.getByRole("link", { name: "Back to your account" }).click();
  await account(page);
});

journey("the well-known address leads through the sign-in to the page for a new password", async ({ page, stack, person }) => {
  await arrive(page, stack, person);
  await page.context().clearCookies({ name: "stepgate" });
  await page.goto("/.well-known/change-password");
  await signInWithCode(page, stack, person);
  await heading(page, /Confirm it.s you/);
  assert.equal(path(page), "/.auth/account/password");
  await look(page, "account-well-known");
  await press(page, "Continue");
  await prove(page, stack, person);
  await heading(page, "Choose a new password");
  await page.getByRole("link", { name: "Back to your account" }).click();
  await account(page);
});

journey("going back, another tab and a session that has ended are all calm", async ({ page, stack, person, context, allow }) => {
  allow(/410 \(Gone\)/);
  await arrive(page, stack, person);
  await page.getByRole("button", { name: "Change email address" }).click();
  await prove(page, stack, person);
  await heading(page, "Enter your new email address");
  const tab = await context.newPage();
  await tab.goto("/.auth/account");
  await tab.getByRole("button", { name: "Change password" }).click();
  await prove(tab, stack, person);
  await heading(tab, "Choose a new password");
  await passwordField(tab).fill(newWords);
  await tab.getByRole("button", { name: "Change password" }).dblclick();
  await done(tab, "Your password is changed.");
  await tab.goBack();
  await account(tab);

  await page.getByLabel("New email address").fill("elsewhere@example.com");
  await press(page, "Email me a code");
  await heading(page, "This page has expired");
  await page.getByRole("link", { name: "Start again" }).click();
  await account(page);
  assert.equal((await stack.messages("elsewhere@example.com")).length, 0);

  await page.getByRole("button", { name: "Change email address" }).waitFor();
  await context.clearCookies({ name: "stepgate" });
  await page.getByRole("button", { name: "Change email address" }).click();
  await signInWithCode(page, stack, person);
  await heading(page, /Confirm it.s you/); // where they were going
  assert.equal(path(page), "/.auth/account/email");
});

journey("the account is reached with the keyboard alone, and every action says what it acts on", async ({ page, stack, person }) => {
  await arrive(page, stack, person);
  const names = [];
  for (let i = 0; i < 30; i += 1) {
    await page.keyboard.press("Tab");
    const name = await page.evaluate(() => (document.activeElement === document.body ? "" : document.activeElement.textContent.replace(/\s+/g, " ").trim()));
    if (name === "") break;
    names.push(name);
  }
  for (const name of ["Change email address", "Change password", "Add a mobile number", "Change what we know about you", "Sign out"]) {
    assert.ok(names.includes(name), `${name} is among ${names.join(" | ")}`);
  }
});
