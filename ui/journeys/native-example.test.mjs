// The example page, clicked through as a person would, under the content security
// policy of the demonstration's Caddyfile.
import assert from "node:assert/strict";
import { journeys } from "./lib/journey.mjs";
import { look as judge } from "./lib/look.mjs";
import { wrong } from "./lib/native-steps.mjs";
import { heading, press, problem } from "./lib/steps.mjs";

// One piece of inline code: the import map.
const look = (page, name) => judge(page, `native-${name}`, "Payroll", { inline: 1 });
const journey = journeys();
const open = async ({ page, allow }) => {
  allow(/status of 40[01] \((Bad Request|Unauthorized)\)/); // Chromium says so of every refusal
  await page.goto("/native-app/");
  await heading(page, "Sign in");
};

const email = (page) => page.getByLabel("Email address");
const code = (page) => page.getByLabel("6-digit code");
const link = press;
const signedOut = "You are signed out until this is done.";

async function signUpWithPassword(page, stack, person, each = async () => {}) {
  await link(page, "Create an account");
  await heading(page, "Create an account");
  await email(page).fill(person.email);
  await page.getByLabel("Name", { exact: true }).fill("Dana Wren");
  await page.locator("input[type=password]").fill("short");
  await press(page, "Create account");
  await problem(page, "This password is too short.");
  await each("password-short");
  await page.locator("input[type=password]").fill(person.email);
  await press(page, "Create account");
  await problem(page, "This password cannot be used.");
  await page.locator("input[type=password]").fill(person.password);
  await press(page, "Create account");
  await giveCode(page, stack, person.email);
  await heading(page, "Hello, Dana Wren");
}

async function giveCode(page, stack, to) {
  await heading(page, "Enter the code");
  await code(page).fill(await stack.code(to));
  await press(page, "Continue");
}

async function signOut(page) {
  await press(page, "Sign out");
  await problem(page, "You are signed out here.");
}

journey("the example: sign up with a password, call the API, step up by mail, refresh, sign out", async (scene) => {
  const { page, stack, person } = scene;
  await open(scene);
  await look(page, "sign-in");
  await press(page, "Continue");
  await problem(page, "Enter your email address.");
  await look(page, "sign-in-error");
  await signUpWithPassword(page, stack, person, (name) => look(page, name));
  await look(page, "signed-in");

  await page.getByRole("button", { name: "Fetch Payslips" }).click();
  await problem(page, "200 Payslips");
  await page.getByText(`for ${person.email}`).waitFor();
  await page.getByRole("button", { name: "Fetch Transfer" }).click();
  await problem(page, "401 Transfer is closed.");
  await page.getByText("insufficient_user_authentication").first().waitFor();
  await look(page, "more-proof");
  await press(page, "Confirm it’s me");
  await heading(page, "Enter your password");
  await problem(page, signedOut);
  await look(page, "password");
  await page.locator("input[type=password]").fill("not the password at all");
  await press(page, "Sign in");
  await problem(page, "Address and password do not match.");
  await page.locator("input[type=password]").fill(person.password);
  await press(page, "Sign in");
  await heading(page, "Confirm it’s you");
  await look(page, "choose");
  await page.getByRole("button", { name: /^Email / }).click();
  await giveCode(page, stack, person.email);
  await problem(page, "200 Transfer");
  assert.equal(await page.getByText(signedOut).count(), 0, "this is done");

  await press(page, "Refresh the tokens");
  await page.getByText("The old refresh token is spent.").waitFor();
  await page.reload();
  await heading(page, "Hello, Dana Wren");
  await signOut(page);
  await page.reload();
  await heading(page, "Sign in");
});

journey("the example: sign up by code, add a phone for the page that needs it, and use it the next time", async (scene) => {
  const { page, stack, person } = scene;
  await open(scene);
  await link(page, "Create an account");
  await email(page).fill(person.email);
  await page.getByLabel("With a code by email").check();
  await press(page, "Create account");
  await heading(page, "Enter the code");
  await look(page, "code");
  await code(page).fill("12");
  await press(page, "Continue");
  await problem(page, "That code isn’t right.");
  await look(page, "code-wrong");
  await link(page, "Send another code");
  await problem(page, "A code is on its way.");
  await giveCode(page, stack, person.email);
  await heading(page, "A little about you");
  await look(page, "attributes");
  await page.getByLabel("Name").fill("Ines Moreau");
  await press(page, "Continue");
  await heading(page, "Hello, Ines Moreau");

  await page.getByRole("button", { name: "Fetch Bank details" }).click();
  await press(page, "Confirm it’s me");
  await giveCode(page, stack, person.email);
  await heading(page, "Add a second way");
  await look(page, "register");
  await page.getByLabel("Mobile number").fill("12");
  await press(page, "Text me a code");
  await problem(page, "This number cannot be used.");
  await page.getByLabel("Mobile number").fill(person.phone);
  await press(page, "Text me a code");
  await giveCode(page, stack, person.e164);
  await problem(page, "200 Bank details");
  await look(page, "opened");
  await signOut(page);

  await email(page).fill(person.email);
  await press(page, "Email me a code instead");
  await giveCode(page, stack, person.email);
  await heading(page, "Hello, Ines Moreau");
}, { viewport: { width: 360, height: 740 }, colorScheme: "dark" });

journey("the example: a forgotten password is replaced, and who cannot finish here goes to the browser", async (scene) => {
  const { page, stack, person } = scene;
  await open(scene);
  await signUpWithPassword(page, stack, person);
  await page.getByRole("button", { name: "Fetch Bank details" }).click();
  await press(page, "Confirm it’s me");
  await page.locator("input[type=password]").fill(person.password);
  await press(page, "Sign in");
  await heading(page, "Go on in the browser");
  await look(page, "browser");
  await link(page, "Start again");

  await link(page, "I forgot my password");
  await heading(page, "Choose a new password");
  await email(page).fill(person.email);
  await press(page, "Send the code");
  await giveCode(page, stack, person.email);
  await heading(page, "Choose a password");
  await look(page, "new-password");
  await page.locator("input[type=password]").fill("another four plain words");
  await press(page, "Continue");
  await heading(page, "Hello, Dana Wren");

  // The mailbox chose the password, so it is not the second check for a while.
  await page.getByRole("button", { name: "Fetch Transfer" }).click();
  await press(page, "Confirm it’s me");
  await page.locator("input[type=password]").fill("another four plain words");
  await press(page, "Sign in");
  await heading(page, "Not possible yet");
  await problem(page, /After a password reset, codes by mail do not count for a while\. Try again in \d+ hours\./);
  await look(page, "denied");
  await press(page, "Start again");
  await heading(page, "Sign in");
  assert.equal(await email(page).inputValue(), person.email);
});

journey("the example: too many wrong codes are said to be too many, and another is sent at once", async (scene) => {
  const { page, stack, person } = scene;
  await open(scene);
  await link(page, "Create an account");
  await email(page).fill(person.email);
  await page.getByLabel("With a code by email").check();
  await press(page, "Create account");
  await heading(page, "Enter the code");
  const other = wrong(await stack.code(person.email));
  for (const said of [...Array(4).fill("That code isn’t right."), "There were too many wrong codes. Ask for a new one."]) {
    await code(page).fill(other);
    const answer = page.waitForResponse("**/signup/v1.0/continue");
    await press(page, "Continue");
    await answer;
    await problem(page, said);
  }
  await look(page, "code-spent");
  await link(page, "Send another code");
  await problem(page, "A code is on its way.");
  await giveCode(page, stack, person.email);
  await heading(page, "A little about you");
});

journey("the example: back leads to its start, and keeps the address", async (scene) => {
  const { page, person } = scene;
  await open(scene);
  await email(page).fill(person.email);
  await press(page, "Email me a code instead");
  await heading(page, "Enter the code");
  await page.goBack();
  await heading(page, "Sign in");
  assert.equal(await email(page).inputValue(), person.email);
  await link(page, "Create an account");
  await heading(page, "Create an account");
  assert.equal(await email(page).inputValue(), person.email);
  await page.locator(".skip").focus();
  await page.keyboard.press("Enter"); // an entry of the history too, which leads nowhere else
  await page.waitForURL(/#screen$/);
  await heading(page, "Create an account");
});

/** Has the page find another config.js than the one there is. */
const configured = (page, from, to) => page.route("**/native-app/config.js", async (route) => {
  const response = await route.fetch();
  const text = await response.text();
  assert.ok(text.includes(from), `config.js has ${from}`);
  await route.fulfill({ response, body: text.replace(from, () => to) });
});

const elsewhere = [
  ["where only people sign in", "/elsewhere"],
  ["below the gateway’s pages", "/.auth/elsewhere"],
  ["below the API", "/.auth/native/elsewhere"],
  ["among files", "/native-app/elsewhere"],
];
for (const [name, path] of elsewhere) {
  journey(`the example: an API that is looked for ${name} is told apart from a refusal`, async (scene) => {
    const { page, person } = scene;
    scene.allow(/status of 40[45]/);
    await configured(page, '"/.auth/native"', `"${path}"`);
    await open(scene);
    await email(page).fill(person.email);
    await press(page, "Continue");
    await problem(page, "There is no native API at this address.");
  });
}

journey("the example: a server that cannot be reached is named as that, signed in or not", async (scene) => {
  const { page, stack, person } = scene;
  scene.allow(/net::ERR_FAILED/);
  const unreachable = () => problem(page, `The server could not be reached. Is it running, is “api” in config.js right (http or https), and does the client’s “cors” name ${stack.origin}?`);
  await open(scene);
  await signUpWithPassword(page, stack, person);
  await page.route("**/.auth/native/**", (route) => route.abort());
  await press(page, "Refresh the tokens");
  await unreachable();
  await page.unroute("**/.auth/native/**");
  await signOut(page);
  await page.route("**/.auth/native/**", (route) => route.abort());
  await email(page).fill(person.email);
  await press(page, "Continue");
  await unreachable();
  await look(page, "unreachable");
});

journey("the example: an SDK that does not start says why, and is not called missing", async ({ page }) => {
  await configured(page, "`https://${location.host}/`", "`http://${location.host}/`");
  await page.goto("/native-app/");
  await heading(page, "The SDK does not start");
  await problem(page, /config\.js must be https/);
  await look(page, "no-start");
});

journey("the example: a page without its package says what to do", async ({ page, allow }) => {
  allow(/status of 404|Failed to load/);
  await page.route("**/node_modules/**", (route) => route.fulfill({ status: 404 }));
  await page.goto("/native-app/");
  await heading(page, "The SDK is not here");
  await page.getByText("npm ci").waitFor();
  await look(page, "no-library");
});
