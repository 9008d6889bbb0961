// Every page a person meets, in light and dark, narrow and wide: accessible, calm,
// silent in the console, and no wider than the screen.
import { journeys } from "./lib/journey.mjs";
import { look } from "./lib/look.mjs";
import { codeField, enrolPhone, giveCode, giveDetails, heading, passwordField, press, problem, signOut, signUp } from "./lib/steps.mjs";

const journey = journeys();

for (const colorScheme of ["light", "dark"]) {
  for (const width of [320, 1000]) {
    const screen = { colorScheme, viewport: { width, height: 800 } };

    journey(`every page of a sign-up is sound on a ${colorScheme} screen ${width} px wide`, async ({ page, stack, person }) => {
      await page.goto("/");
      await look(page, "sign-in");
      await press(page, "Continue");
      await problem(page, "Enter your email address");
      await look(page, "sign-in-error");
      await page.getByRole("link", { name: "Create an account" }).click();
      await heading(page, "Create your account");
      await look(page, "sign-up");
      await page.getByLabel("Email address").fill(person.email);
      await press(page, "Continue");
      await heading(page, "Check your email");
      await look(page, "code");
      await codeField(page).fill("12");
      await press(page, "Continue");
      await problem(page, "The code is 6 digits");
      await look(page, "code-error");
      await codeField(page).fill("000000");
      await press(page, "Continue");
      await problem(page, /in this window/);
      await look(page, "code-wrong");
      await giveCode(page, stack, person.email);
      await heading(page, "Choose a password");
      await look(page, "new-password");
      await passwordField(page).fill("short");
      await press(page, "Continue");
      await problem(page, /characters or more/);
      await look(page, "new-password-error");
      await press(page, "Go on without a password");
      await heading(page, "Your details");
      await look(page, "details");
      await press(page, "Create account");
      await problem(page, "Fill in “Name”");
      await look(page, "details-error");
      await giveDetails(page);
      await heading(page, "Payslips");
      await look(page, "app-home", "Payroll");
      await page.goto("/admin/");
      await heading(page, /second way/);
      await look(page, "enrol");
      await press(page, "Add a mobile number");
      await heading(page, "Add your mobile number");
      await look(page, "phone");
      await page.getByLabel("Mobile number").fill("12");
      await press(page, "Text me a code");
      await problem(page, /Start with . and your country code/);
      await look(page, "phone-error");
      await page.getByLabel("Mobile number").fill(person.phone);
      await press(page, "Text me a code");
      await codeField(page).waitFor();
      await look(page, "code-sms");
      await giveCode(page, stack, person.e164);
      await heading(page, "Bank details");
      await look(page, "app-admin", "Payroll");
      await page.goto("/transfer");
      await look(page, "app-transfer", "Payroll");
      await page.goto("/.auth/sign-out");
      await look(page, "sign-out");
      await press(page, "Sign out");
      await heading(page, /You.ve signed out/);
      await look(page, "signed-out");
    }, screen);

    journey(`every page of a later visit is sound on a ${colorScheme} screen ${width} px wide`, async ({ page, stack, person }) => {
      await page.goto("/");
      await signUp(page, stack, person, { password: person.password });
      await heading(page, "Payslips");
      await page.goto("/admin/");
      await heading(page, /Confirm it.s you/);
      await look(page, "step-up-password");
      await press(page, "Use my password");
      await heading(page, "Enter your password");
      await look(page, "password-again");
      await passwordField(page).fill(person.password);
      await press(page, "Continue");
      await enrolPhone(page, stack, person);
      await heading(page, "Bank details");
      await signOut(page);

      await page.goto("/");
      await page.getByLabel("Email address").fill(person.email);
      await press(page, "Use your password instead");
      await heading(page, "Enter your password");
      await look(page, "password");
      await passwordField(page).fill("not the password");
      await press(page, "Sign in");
      await problem(page, /don.t match/);
      await look(page, "password-error");
      await passwordField(page).fill(person.password);
      await press(page, "Sign in");
      await heading(page, "Payslips");
      await page.goto("/admin/");
      await heading(page, /Confirm it.s you/);
      await look(page, "step-up");
      await page.goto("/transfer");
      await look(page, "step-up-choice");
      await page.goto("/.auth/nothing-here");
      await look(page, "not-found");
      await page.goto("/a%2fb");
      await look(page, "bad-target");
      await page.goto("/.auth/code?f=unknown");
      await look(page, "expired");
      await page.goto("/.auth/inbox");
      await look(page, "inbox");
    }, screen);
  }
}
