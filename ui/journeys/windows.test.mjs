import assert from "node:assert/strict";
import { journeys } from "./lib/journey.mjs";
import { askForCode, codeField, giveCode, heading, inside, passwordField, path, press, problem, signInWithCode, signOut, signUp } from "./lib/steps.mjs";

const journey = journeys();

journey("two tabs end at two destinations, and the second needs no second code", async ({ page, stack, person, context }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await signOut(page);

  await page.goto("/?tab=a");
  const tab = await context.newPage();
  await tab.goto("/?tab=b");
  await askForCode(page, person);
  await heading(tab, "Sign in");
  await giveCode(page, stack, person.email);
  await inside(page, "Payslips", person);
  assert.equal(path(page), "/?tab=a");

  await tab.reload();
  await inside(tab, "Payslips", person);
  assert.equal(path(tab), "/?tab=b");
});

journey("a tab left at its code page goes on by itself once the other tab has signed in", async ({ page, stack, person, context, newPerson }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await signOut(page);

  const tab = await context.newPage();
  await tab.goto("/?tab=b");
  await askForCode(tab, newPerson());
  await page.goto("/?tab=a");
  await signInWithCode(page, stack, person);
  await inside(page, "Payslips", person);
  await codeField(tab).fill("123456");
  await press(tab, "Continue");
  await inside(tab, "Payslips", person);
  assert.equal(path(tab), "/?tab=b");
});

journey("the back button after success shows no form that was sent before", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await signOut(page);
  await page.goto("/?here=1");
  await signInWithCode(page, stack, person);
  await inside(page, "Payslips", person);
  await page.goBack();
  await page.reload();
  await inside(page, "Payslips", person);
  assert.equal(path(page), "/?here=1");
});

for (const javaScriptEnabled of [true, false]) {
  const scripts = javaScriptEnabled ? "on" : "off";
  journey(`back and reload after wrong answers show pages, and send no form again, with scripts ${scripts}`, async ({ page, stack, person }) => {
    await page.goto("/?back=2");
    await askForCode(page, person);
    const posts = [];
    for (let tries = 1; tries <= 2; tries += 1) {
      await codeField(page).fill("000000");
      await press(page, "Continue");
      await problem(page, /That code isn.t right/);
    }
    await press(page, "Use your password instead");
    await passwordField(page).fill("not the password");
    await press(page, "Sign in");
    await problem(page, /don.t match/);
    page.on("request", (request) => request.method() === "POST" && posts.push(request.url()));
    await page.reload();
    await problem(page, /don.t match/);
    for (let steps = 1; steps <= 2; steps += 1) {
      await page.goBack(); // to pages that are over by now, which lead to the one that is not
      await heading(page, "Enter your password");
    }
    await page.goto("/?back=2");
    await heading(page, "Sign in");
    assert.deepEqual(posts, []);
  }, { javaScriptEnabled });

  journey(`back and reload after a slip keep what was typed, and send no form again, with scripts ${scripts}`, async ({ page, stack, person }) => {
    await page.goto("/?back=3");
    const posts = [];
    await page.getByLabel("Email address").fill("dana@nowhere");
    await press(page, "Continue");
    await problem(page, /in the correct format/);
    assert.ok(!page.url().includes("nowhere"), "the address says nothing of what was typed");
    page.on("request", (request) => request.method() === "POST" && posts.push(new URL(request.url()).pathname));
    await page.reload();
    await problem(page, /in the correct format/);
    assert.equal(await page.getByLabel("Email address").inputValue(), "dana@nowhere");
    await page.getByLabel("Email address").fill(person.email);
    await press(page, "Continue");
    await heading(page, "Check your email");
    await codeField(page).fill("4829");
    await press(page, "Continue");
    await problem(page, /You entered 4/);
    await page.reload();
    assert.equal(await codeField(page).inputValue(), "4829");
    await page.goBack();
    await heading(page, "Check your email");
    await page.goBack(); // to the page that told of the slip
    await heading(page, "Sign in");
    await page.goForward();
    await heading(page, "Check your email");
    await page.goto("/?back=3");
    assert.deepEqual(posts, ["/.auth/sign-in", "/.auth/code"]);
  }, { javaScriptEnabled });
}

journey("a lost cookie leads to a fresh start at the same destination", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await signOut(page);
  await page.goto("/?again=1");
  await askForCode(page, person);
  const code = await stack.code(person.email);
  await page.context().clearCookies();
  await codeField(page).fill(code);
  await press(page, "Continue");
  await page.getByRole("link", { name: "Start again" }).or(page.getByRole("button", { name: "Start again" })).click();
  await heading(page, "Sign in");
});

journey("a double click sends one form", async ({ page, stack, person }) => {
  await page.goto("/");
  await heading(page, "Sign in");
  await page.getByLabel("Email address").fill(person.email);
  const posts = [];
  page.on("request", (request) => request.method() === "POST" && posts.push(request.url()));
  await page.getByRole("button", { name: "Continue", exact: true }).dblclick();
  await heading(page, "Check your email");
  assert.equal(posts.length, 1);
});
