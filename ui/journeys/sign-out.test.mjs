import assert from "node:assert/strict";
import { journeys } from "./lib/journey.mjs";
import { heading, inside, shown, signInWithCode, signOut, signUp } from "./lib/steps.mjs";

const journey = journeys();

journey("signing out takes a button, ends the session at once, and shows no page to whoever comes next", async ({ page, stack, person, context }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await page.goto("/.auth/sign-out");
  await page.goto("/");
  await inside(page, "Payslips", person);

  const stolen = await context.cookies();
  await signOut(page);
  await page.goto("/");
  await heading(page, "Sign in");
  await context.addCookies(stolen);
  await page.goto("/");
  await heading(page, "Sign in");
});

journey("whoever signs in next meets no session of the application's own from before", async ({ page, stack, person, newPerson, context }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await inside(page, "Payslips", person);
  assert.deepEqual(await shown(page, "owner"), [person.email]);
  const legacy = (await context.cookies()).find((cookie) => cookie.name === "legacy_session");
  await signOut(page);
  assert.equal((await context.cookies()).some((cookie) => cookie.name === "legacy_session"), false, "sign-out takes the cookie along");

  const second = newPerson();
  await context.addCookies([legacy]);
  await page.goto("/");
  await signUp(page, stack, second);
  await inside(page, "Payslips", second);
  assert.deepEqual(await shown(page, "owner"), [second.email]);
});

journey("the same person back after a lost session finds the application as it was left", async ({ page, stack, person, context }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await inside(page, "Payslips", person);
  const legacy = (await context.cookies()).find((cookie) => cookie.name === "legacy_session");
  await context.clearCookies({ name: "stepgate" });
  await page.goto("/");
  await signInWithCode(page, stack, person);
  await inside(page, "Payslips", person);
  assert.equal((await context.cookies()).find((cookie) => cookie.name === "legacy_session").value, legacy.value);
});

journey("none of the gateway's cookies can be read by scripts or reach the application", async ({ page, stack, person, context }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await inside(page, "Payslips", person);
  const cookies = await context.cookies();
  const ours = cookies.filter((cookie) => cookie.name !== "legacy_session");
  assert.ok(ours.length > 0);
  for (const cookie of ours) {
    assert.ok(cookie.httpOnly, `${cookie.name} is HttpOnly`);
    assert.equal(cookie.sameSite, "Lax");
    assert.ok(cookie.name.length + cookie.value.length <= 200, `${cookie.name} is small`);
  }
  assert.equal(await page.evaluate(() => document.cookie), "");
});
