// What newcomers are asked about themselves, after the mailbox is proved and before
// there is an account.
import assert from "node:assert/strict";
import { journeys } from "./lib/journey.mjs";
import { look } from "./lib/look.mjs";
import { giveCode, heading, inside, passwordField, path, press, problem, signInWithCode, signOut } from "./lib/steps.mjs";

const journey = journeys({
  caddyfile: ({ origin, upstream }) => `{
	admin off
	persist_config off
	log {
		format filter {
			request>headers>X-Id-Token delete
			request>headers>X-Access-Token delete
			request>headers>Remote-User delete
		}
	}
	stepgate {
		store memory
		email inbox
		sign_in email_code password
		sign_up open
		attribute displayName {
			required
		}
		attribute surname {
			required
		}
		attribute agree {
			label "Do you agree to the house rules?"
			type boolean
			required
		}
		attribute customerNumber {
			label "Customer number"
			pattern [0-9]{8}
		}
		attribute years {
			label "Years with us"
			type integer
		}
		attribute news {
			label "May we send you news?"
			type boolean
		}
		brand {
			name "Harbour Mutual"
		}
	}
}

${origin} {
	stepgate {
		name Payroll
		public on /assets/*
		inject {
			id_token X-Id-Token
			access_token X-Access-Token
			header Remote-User {http.auth.user.email}
		}
	}
	reverse_proxy ${upstream}
}
`,
});

async function reachDetails(page, stack, person, { password } = {}) {
  await heading(page, "Sign in");
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("Email address").fill(person.email);
  await press(page, "Continue");
  await giveCode(page, stack, person.email);
  await heading(page, "Choose a password");
  if (password) {
    await passwordField(page).fill(password);
    await press(page, "Continue");
  } else {
    await press(page, "Go on without a password");
  }
  await heading(page, "Your details");
}

const nameField = (page) => page.getByLabel("Name", { exact: true });
const question = (page, name) => page.getByRole("group", { name });
const focused = (page) => page.evaluate(() => document.activeElement.id);

for (const javaScriptEnabled of [true, false]) {
  const scripts = javaScriptEnabled ? "on" : "off";
  journey(`a newcomer is asked last, mends what is wrong, and arrives, with scripts ${scripts}`, async ({ page, stack, person }) => {
    await page.goto("/?month=1");
    await reachDetails(page, stack, person, { password: person.password });
    assert.equal(await nameField(page).getAttribute("autocomplete"), "name");
    assert.equal(await page.getByLabel("Last name").getAttribute("autocomplete"), "family-name");
    assert.equal(await page.getByLabel("Customer number").getAttribute("autocomplete"), "off");
    assert.equal(await question(page, /send you news/).getByLabel("No answer").isChecked(), true);

    await nameField(page).fill("Dana");
    await question(page, /house rules/).getByText("Yes").click();
    await press(page, "Create account");
    await problem(page, "Fill in “Last name”");
    assert.equal(await focused(page), "attribute-surname", "the one bad field has the focus");
    assert.equal(await nameField(page).inputValue(), "Dana");
    assert.equal(await question(page, /house rules/).getByLabel("Yes").isChecked(), true);

    await page.getByLabel("Last name").fill("Okafor");
    await page.getByLabel("Customer number").fill("AB-12");
    await page.getByLabel("Years with us").fill("forty");
    await press(page, "Create account");
    await page.getByRole("heading", { name: "There is a problem" }).waitFor();
    assert.equal(await focused(page), "problem", "with two bad fields, the box has it");
    await page.getByRole("link", { name: /Years with us/ }).click();
    assert.equal(await focused(page), "attribute-years", "its links lead to the fields");
    assert.equal(await page.getByLabel("Customer number").inputValue(), "AB-12");
    await page.getByLabel("Years with us").fill("4");
    await page.getByLabel("Customer number").fill("12345678");
    await press(page, "Create account");
    await inside(page, "Payslips", person);
    assert.equal(path(page), "/?month=1");
  }, { javaScriptEnabled, viewport: { width: 320, height: 700 } });
}

journey("what may be left out may be left out, and nothing of it gets into an address", async ({ page, stack, person }) => {
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.goto("/");
  await reachDetails(page, stack, person);
  await nameField(page).fill("Zebulon");
  await page.getByLabel("Last name").fill("Okafor");
  await question(page, /house rules/).getByLabel("No", { exact: true }).check();
  await press(page, "Create account");
  await inside(page, "Payslips", person);
  assert.deepEqual(asked.filter((url) => /Zebulon|Okafor/.test(url)), []);

  await signOut(page);
  await page.goto("/");
  await signInWithCode(page, stack, person); // who has an account is not asked again
  await inside(page, "Payslips", person);
});

journey("back, reload and a second press make one account", async ({ page, stack, person }) => {
  await page.goto("/?here=1");
  await reachDetails(page, stack, person);
  const form = page.url();
  await page.reload();
  await heading(page, "Your details");
  await page.goBack(); // to a page that is over by now
  await heading(page, "Your details");
  await nameField(page).fill("Dana");
  await page.getByLabel("Last name").fill("Okafor");
  await question(page, /house rules/).getByLabel("Yes").check();
  const posts = [];
  page.on("request", (request) => request.method() === "POST" && posts.push(request.url()));
  await page.getByRole("button", { name: "Create account" }).dblclick();
  await inside(page, "Payslips", person);
  assert.equal(posts.length, 1);
  await page.goto(form);
  await inside(page, "Payslips", person);
  assert.equal(path(page), "/?here=1");
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [320, 1000]) {
    journey(`the page for details is sound on a ${colorScheme} screen ${width} px wide`, async ({ page, stack, person }) => {
      await page.goto("/");
      await reachDetails(page, stack, person);
      await look(page, "attributes");
      await nameField(page).fill("Dana");
      await page.getByLabel("Customer number").fill("AB-12");
      await press(page, "Create account");
      await page.getByRole("heading", { name: "There is a problem" }).waitFor();
      await look(page, "attributes-error");
    }, { colorScheme, viewport: { width, height: 800 } });
  }
}

journey("the page for details holds in forced colours", async ({ page, stack, person }) => {
  await page.goto("/");
  await reachDetails(page, stack, person);
  await question(page, /house rules/).getByText("Yes").click();
  await press(page, "Create account");
  await page.getByRole("heading", { name: "There is a problem" }).waitFor();
  await look(page, "attributes-forced");
  const dot = await question(page, /house rules/).getByLabel("Yes").evaluate((input) => getComputedStyle(input, "::before").backgroundColor);
  assert.notEqual(dot, await page.locator("main").evaluate((main) => getComputedStyle(main).backgroundColor), "the chosen answer is seen");
}, { forcedColors: "active", viewport: { width: 320, height: 800 } });
