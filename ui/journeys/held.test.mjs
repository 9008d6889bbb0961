// A form that met an expired proof: kept, shown, and sent on by a press.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { journeys } from "./lib/journey.mjs";
import { look } from "./lib/look.mjs";
import { askForCode, enrolPhone, giveCode, heading, inside, path, press, problem, signOut, signUp } from "./lib/steps.mjs";

const journey = journeys({
  caddyfile: ({ origin, upstream }) => `{
	admin off
	persist_config off
	log {
		format filter {
			request>headers>X-Id-Token delete
			request>headers>Remote-User delete
		}
	}
	stepgate {
		store memory
		email inbox
		sms inbox
		attribute displayName {
			required
		}
		brand {
			name "Harbour Mutual"
			accent "#0b5d51"
		}
	}
}

${origin} {
	@claims {
		method POST
		path /expenses
	}
	stepgate {
		name Payroll
		sensitivity claim @claims {
			label "Expense claims"
		}
		sensitivity transfer /transfer
		public on /assets/*
		require otp sms within 15m on claim
		require otp sms within once on transfer
		inject {
			id_token X-Id-Token
			header Remote-User {http.auth.user.email}
		}
	}
	reverse_proxy ${upstream}
}
`,
});

const receipt = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 256));
const sum = createHash("sha256").update(receipt).digest("hex");
const reason = "Fähre nach Rügen & zurück = 12,50 €";

async function claim(page) {
  await heading(page, "Expenses");
  await page.getByLabel("What it was for").fill(reason);
  await page.getByLabel("Receipt").setInputFiles({ name: "Beleg 1 – „Fähre“.pdf", mimeType: "application/pdf", buffer: receipt });
  await press(page, "Claim");
}

// The claims that the application has, each with the hash of its receipt.
const claims = (page) => page.locator("[data-test=claim]").evaluateAll((rows) =>
  rows.map((row) => [row.dataset.sum, ...[...row.cells].map((cell) => cell.innerText)]));
const whole = [sum, reason, "Beleg 1 – „Fähre“.pdf", String(receipt.length)];

async function confirm(page, stack, person) {
  await heading(page, /Confirm it.s you/);
  await problem(page, /What you typed is kept for up to 10 minutes/);
  await press(page, "Text me a code");
  await giveCode(page, stack, person.e164);
}

async function walk({ page, stack, person, allow }) {
  allow(/status of 410 \(Gone\)/);
  await page.goto("/expenses");
  await signUp(page, stack, person);
  await claim(page);
  await heading(page, /second way/);
  await problem(page, /What you typed is kept for up to 10 minutes/);
  await press(page, "Add a mobile number");
  await enrolPhone(page, stack, person);
  await heading(page, "Ready to send");
  for (const words of ["Expense claims", "receipt", "(file)", person.email]) await page.getByText(words).first().waitFor();
  assert.ok(!(await page.content()).includes("Rügen"), "what was typed is not shown");
  const ready = page.url();
  await page.reload();
  await page.goto("/expenses");
  assert.deepEqual(await claims(page), [], "nothing is sent by looking");
  await page.goto(ready);
  await press(page, "Continue");
  await inside(page, "Expenses", person);
  assert.equal(path(page), "/expenses");
  assert.deepEqual(await claims(page), [whole]);
  await page.reload();
  assert.deepEqual(await claims(page), [whole]);
  await page.goBack();
  await heading(page, "This was sent on already");
  await page.getByRole("link", { name: "Go on" }).click();
  await inside(page, "Expenses", person);

  // And again, when the proof has become too old while somebody was typing.
  await stack.wait("16m");
  await claim(page);
  await confirm(page, stack, person);
  await heading(page, "Ready to send");
  await press(page, "Continue");
  await inside(page, "Expenses", person);
  assert.deepEqual(await claims(page), [whole, whole]);
}

journey("a form with a file is kept while more proof is given, and sent on by a press", walk);
journey("the same without scripts on a narrow screen", walk, { javaScriptEnabled: false, viewport: { width: 320, height: 640 } });

journey("a form is kept while its session has ended, for that person alone", async ({ page, stack, person, newPerson, allow }) => {
  allow(/status of 410 \(Gone\)/);
  await page.goto("/expenses");
  await signUp(page, stack, person);
  await claim(page);
  await press(page, "Add a mobile number");
  await enrolPhone(page, stack, person);
  await press(page, "Continue");
  await stack.wait("61m");
  await claim(page);
  await heading(page, "Sign in");
  await problem(page, /What you typed is kept/);
  const kept = page.url();
  const next = newPerson();
  await signUp(page, stack, next);
  await enrolPhone(page, stack, next);
  await heading(page, "This form is no longer kept");
  await page.goto("/");
  await signOut(page);
  await page.goto(kept);
  await askForCode(page, person);
  await giveCode(page, stack, person.email);
  await heading(page, "Check your phone");
  await giveCode(page, stack, person.e164);
  await heading(page, "Ready to send");
  await press(page, "Continue");
  await inside(page, "Expenses", person);
  assert.deepEqual((await claims(page)).at(-1), whole);
});

journey("proof for one transfer sends that transfer once", async ({ page, stack, person }) => {
  const transfer = async (to) => {
    await page.getByLabel("To", { exact: true }).fill(to);
    await page.getByLabel("Amount").fill("12.50");
    await press(page, "Transfer");
  };
  await page.goto("/transfer");
  await signUp(page, stack, person);
  await enrolPhone(page, stack, person);
  await inside(page, "Transfer", person);
  await transfer("Ines Moreau");
  await confirm(page, stack, person);
  await heading(page, "Ready to send");
  await press(page, "Continue");
  await heading(page, /Confirm it.s you/); // the application leads to GET /transfer, which asks each time as well
  await press(page, "Text me a code");
  await giveCode(page, stack, person.e164);
  await inside(page, "Transfer", person);
  assert.equal(await page.getByRole("cell", { name: "12.50" }).count(), 1);
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [320, 1000]) {
    journey(`the pages about a kept form are sound on a ${colorScheme} screen ${width} px wide`, async ({ page, stack, person, allow }) => {
      allow(/status of 410 \(Gone\)/);
      await page.goto("/expenses");
      await signUp(page, stack, person);
      await claim(page);
      await heading(page, /second way/);
      await look(page, "kept-enrol");
      await press(page, "Add a mobile number");
      await enrolPhone(page, stack, person);
      await heading(page, "Ready to send");
      await look(page, "continue");
      const ready = page.url();
      await press(page, "Continue");
      await inside(page, "Expenses", person);
      await look(page, "app-expenses", "Payroll");
      await page.goto(ready);
      await heading(page, "This was sent on already");
      await look(page, "continue-sent");
      await page.goto(ready.replace(/held=[^&]*/, "held=AAAAAAAAAAAAAAAAAAAAAA"));
      await heading(page, "This form is no longer kept");
      await look(page, "continue-gone");
      await stack.wait("16m");
      await page.goto("/expenses");
      await claim(page);
      await heading(page, /Confirm it.s you/);
      await look(page, "kept-step-up");
      await stack.wait("61m");
      await page.goto("/expenses");
      await heading(page, "Sign in");
    }, { colorScheme, viewport: { width, height: 800 } });
  }
}
