import assert from "node:assert/strict";
import { journeys } from "./lib/journey.mjs";
import { askForCode, codeField, giveCode, heading, inside, path, press, problem, signInWithCode, signOut, signUp } from "./lib/steps.mjs";

const journey = journeys();

const other = (code) => String((Number(code) + 1) % 1_000_000).padStart(6, "0");

journey("a wrong code is refused, the fifth ends the code, and the right one comes too late", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await signOut(page);
  await page.goto("/");
  await askForCode(page, person);
  const code = await stack.code(person.email);
  for (let tries = 1; tries <= 5; tries += 1) {
    await codeField(page).fill(other(code));
    const answered = page.waitForEvent("domcontentloaded");
    await press(page, "Continue");
    await answered;
    await problem(page, tries < 5 ? /That code isn.t right/ : /no longer works/);
    if (tries === 3) await problem(page, "You have 2 tries left");
    assert.equal(await codeField(page).inputValue(), "", "a wrong code is not kept");
  }
  await codeField(page).fill(code);
  await press(page, "Continue");
  await problem(page, /no longer works/);
  await page.goto("/");
  await heading(page, "Sign in");
});

journey("a code of the wrong shape costs no try and stays to be mended", async ({ page, stack, person }) => {
  await page.goto("/");
  await askForCode(page, person);
  for (const typed of ["48291", "4829130", "482 91x"]) {
    await codeField(page).fill(typed);
    await press(page, "Continue");
    await problem(page, /The code is 6 digits/);
    assert.equal(await codeField(page).inputValue(), typed);
    assert.equal(await codeField(page).evaluate((field) => field === document.activeElement), true, "the field has focus");
  }
});

journey("a code may be pasted with spaces, dashes, other digits or the sentence around it", async ({ page, stack, person }) => {
  const ways = [
    (code) => ` ${code.slice(0, 3)} ${code.slice(3)} `,
    (code) => `${code.slice(0, 3)}-${code.slice(3)}`,
    (code) => code.replace(/\d/g, (digit) => "٠١٢٣٤٥٦٧٨٩"[digit]),
    (code) => `Your code is ${code}`,
  ];
  await page.goto("/");
  await signUp(page, stack, person);
  for (const way of ways) {
    const next = { ...person };
    await signOut(page);
    await page.goto("/");
    await askForCode(page, next);
    await codeField(page).fill(way(await stack.code(person.email)));
    await press(page, "Continue");
    await inside(page, "Payslips", person);
  }
});

journey("a code that was used works no second time", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await signOut(page);
  await page.goto("/");
  const used = await signInWithCode(page, stack, person);
  await inside(page, "Payslips", person);
  await signOut(page);
  await page.goto("/");
  await askForCode(page, person);
  const fresh = await stack.code(person.email);
  assert.notEqual(fresh, used);
  await codeField(page).fill(used);
  await press(page, "Continue");
  await problem(page, /That code isn.t right/);
  await codeField(page).fill(fresh);
  await press(page, "Continue");
  await inside(page, "Payslips", person);
});

journey("refreshing the code page sends nothing, nor does asking again too soon", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await signOut(page);
  await page.goto("/");
  await askForCode(page, person);
  const code = await stack.code(person.email);
  const sent = (await stack.messages(person.email)).length;
  for (let i = 0; i < 3; i += 1) await page.reload();
  await heading(page, "Check your email");

  const again = page.getByRole("button", { name: "Send a new code" });
  assert.equal(await again.getAttribute("aria-disabled"), "true", "the wait is said, not enforced by disabling");
  await again.click({ force: true });
  await codeField(page).fill(code);
  assert.equal((await stack.messages(person.email)).length, sent);
  await press(page, "Continue");
  await inside(page, "Payslips", person);
});

journey("asking again too soon with scripts off is answered kindly, and the code still works", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await signOut(page);
  await page.goto("/");
  await askForCode(page, person);
  const code = await stack.code(person.email);
  const sent = (await stack.messages(person.email)).length;
  await press(page, "Send a new code");
  await problem(page, /We have just sent a code. Wait/);
  assert.equal((await stack.messages(person.email)).length, sent);
  await codeField(page).fill(code);
  await press(page, "Continue");
  await inside(page, "Payslips", person);
}, { javaScriptEnabled: false });

journey("an address without an account sees the same page, and no code opens anything", async ({ page, stack, person }) => {
  await page.goto("/");
  await askForCode(page, person);
  const unknown = (await page.locator("main").innerText()).replaceAll(person.email, "someone");
  await codeField(page).fill("000000");
  await press(page, "Continue");
  await problem(page, /That code isn.t right/);
  assert.equal((await stack.messages(person.email)).filter((message) => message.code).length, 0);

  await page.context().clearCookies();
  await page.goto("/");
  await signUp(page, stack, person);
  await signOut(page);
  await page.goto("/");
  await askForCode(page, person);
  assert.equal((await page.locator("main").innerText()).replaceAll(person.email, "someone"), unknown);
});

journey("a code typed in another browser opens nothing there", async ({ page, stack, person, context }) => {
  await page.goto("/?from=here");
  await askForCode(page, person);
  const here = path(page);
  const elsewhere = await context.browser().newContext({ baseURL: stack.origin });
  const stranger = await elsewhere.newPage();
  const answer = await stranger.goto(here);
  assert.ok(answer.status() >= 400, `status ${answer.status()}`);
  assert.equal(await codeField(stranger).count(), 0);
  await elsewhere.close();
});

journey("going back to the address and changing it sends the code to the new one", async ({ page, stack, person, newPerson }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await signOut(page);
  await page.goto("/?back=1");
  const typo = newPerson();
  await askForCode(page, typo);
  await page.goBack();
  await heading(page, "Sign in");
  await askForCode(page, person);
  await giveCode(page, stack, person.email);
  await inside(page, "Payslips", person);
  assert.equal(path(page), "/?back=1");
});
