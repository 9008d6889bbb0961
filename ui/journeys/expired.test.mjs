import { journeys } from "./lib/journey.mjs";
import { askForCode, codeField, heading, inside, press, problem, signOut, signUp } from "./lib/steps.mjs";
import { until } from "./lib/process.mjs";

// The shortest life that may be configured.
const life = 60_000;
const journey = journeys({ settings: "\t\tcode {\n\t\t\tlife 1m\n\t\t}" });

journey("an expired code is refused, and a new one works on the same page", async ({ page, stack, person }) => {
  await page.goto("/?late=1");
  await signUp(page, stack, person);
  await signOut(page);
  await page.goto("/?late=1");
  await askForCode(page, person);
  const code = await stack.code(person.email);
  const over = Date.now() + life;
  await until("the code to expire", async () => (Date.now() > over ? true : undefined), life + 5_000);

  await codeField(page).fill(code);
  await press(page, "Continue");
  await problem(page, /That code has expired/);
  await press(page, "Send a new code");
  await heading(page, "Check your email");
  await codeField(page).fill(await stack.code(person.email));
  await press(page, "Continue");
  await inside(page, "Payslips", person);
});
