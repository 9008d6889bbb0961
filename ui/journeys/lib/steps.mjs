// What a person does on one page, in the words of that page.
import assert from "node:assert/strict";

export const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();
export const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
export const problem = (page, text) => page.getByText(text).first().waitFor();
export const path = (page) => new URL(page.url()).pathname + new URL(page.url()).search;
export const shown = (page, name) => page.locator(`[data-test=${name}]`).allInnerTexts();

export const codeField = (page) => page.getByLabel(/-digit code$/);

/** Types the newest code sent to this address. */
export async function giveCode(page, stack, to) {
  const code = await stack.code(to);
  await codeField(page).fill(code);
  await press(page, "Continue");
  return code;
}

/** From the sign-in page to an account; ends at the application. */
export async function signUp(page, stack, person, { password } = {}) {
  await heading(page, "Sign in");
  await page.getByRole("link", { name: "Create an account" }).click();
  await heading(page, "Create your account");
  await page.getByLabel("Email address").fill(person.email);
  await press(page, "Continue");
  await heading(page, "Check your email");
  await giveCode(page, stack, person.email);
  await heading(page, "Choose a password");
  if (password) {
    await passwordField(page).fill(password);
    await press(page, "Continue");
  } else {
    await press(page, "Go on without a password");
  }
  await giveDetails(page);
}

/** What the site asks newcomers about themselves. */
export async function giveDetails(page) {
  await heading(page, "Your details");
  await page.getByLabel("Name").fill("Dana Wren");
  await press(page, "Create account");
}

export const passwordField = (page) => page.locator("input[type=password]");

/** From the sign-in page to the application, with a code by mail. */
export async function signInWithCode(page, stack, person) {
  await askForCode(page, person);
  return giveCode(page, stack, person.email);
}

export async function askForCode(page, person) {
  await heading(page, "Sign in");
  await page.getByLabel("Email address").fill(person.email);
  await press(page, "Continue");
  await heading(page, "Check your email");
}

/** From the sign-in page to the application, with a password. */
export async function signInWithPassword(page, person, password = person.password) {
  await heading(page, "Sign in");
  await page.getByLabel("Email address").fill(person.email);
  await press(page, "Use your password instead");
  await heading(page, "Enter your password");
  await passwordField(page).fill(password);
  await press(page, "Sign in");
}

/** From the page for a forgotten password to the one for a new password. */
export async function proveToReset(page, stack, person) {
  await heading(page, "Reset your password");
  await page.getByLabel("Email address").fill(person.email);
  await press(page, "Email me a code");
  await heading(page, "Check your email");
  await giveCode(page, stack, person.email);
  await heading(page, "Choose a new password");
}

/** And on to where the reset leads. */
export async function resetPassword(page, stack, person, password) {
  await proveToReset(page, stack, person);
  await passwordField(page).fill(password);
  await press(page, "Change password");
}

/** From the page that explains why a phone is needed to the one that asks for it. */
export async function agreeToEnrol(page) {
  await heading(page, /second way/);
  await press(page, "Add a mobile number");
}

/** From the page that asks for a phone number to the sensitive page itself. */
export async function enrolPhone(page, stack, person) {
  await heading(page, "Add your mobile number");
  await page.getByLabel("Mobile number").fill(person.phone);
  await press(page, "Text me a code");
  await codeField(page).waitFor();
  await giveCode(page, stack, person.e164);
}

export async function signOut(page) {
  await page.getByRole("link", { name: "Sign out" }).click();
  await heading(page, "Sign out of Payroll?");
  await press(page, "Sign out");
  await heading(page, /You.ve signed out/);
}

/** The application shows its page, and was told who this is. */
export async function inside(page, title, person) {
  await heading(page, title);
  assert.deepEqual(await shown(page, "user"), [person.email], "the application was told who it is");
}
