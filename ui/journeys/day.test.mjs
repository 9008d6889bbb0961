// A day at work: what a person meets between the morning and the evening, and what the
// operator sees of it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { journeys } from "./lib/journey.mjs";
import { look } from "./lib/look.mjs";
import { freePort } from "./lib/process.mjs";
import { agreeToEnrol, codeField, enrolPhone, giveCode, heading, inside, passwordField, path, press, signInWithPassword, signOut, signUp } from "./lib/steps.mjs";

let config, admin;
const journey = journeys(async () => {
  admin = `127.0.0.1:${await freePort()}`;
  return { caddyfile: (stack) => (config = caddyfile({ ...stack, admin })) };
});

const caddyfile = ({ origin, upstream, admin }) => `{
	admin ${admin}
	persist_config off
	log {
		format filter {
			request>headers>X-Id-Token delete
			request>headers>X-Access-Token delete
			request>headers>Remote-User delete
		}
	}
	servers {
		trusted_proxies static 127.0.0.0/8 ::1/128
		trusted_proxies_strict
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
		}
	}
}
${origin} {
	@order {
		method POST
		path /transfer
	}
	stepgate {
		name Payroll
		sensitivity admin /admin /admin/* {
			label "Bank details"
		}
		sensitivity order @order {
			label "a transfer"
		}
		risk {
			header X-Risk-Score medium 40 high 80 missing none
		}
		public on /assets/*
		require otp sms within 15m on admin
		require password within 1h on /transfer
		require otp sms within once on order
		require otp sms within 1m on admin when risk medium
		deny on admin when risk high
		report require otp sms within 5m on / /download
		report deny on /download when risk high
		inject {
			id_token X-Id-Token
			access_token X-Access-Token
			header Remote-User {http.auth.user.email}
		}
	}
	reverse_proxy ${upstream}
}
`;

/** What the command says, without an error. */
async function stepgate(...args) {
  const { stdout } = await promisify(execFile)(process.env.CADDY, ["stepgate", ...args]);
  return stdout;
}

/** The command about the running server. */
const live = (...args) => stepgate(...args, "--address", admin);

journey("a day: read, wait, be asked for exactly what is stale, lose nothing, come back", async ({ page, stack, person, allow }) => {
  allow(/40[13] \((Unauthorized|Forbidden)\)/);
  // Morning: an account, a phone at first need, the page.
  await page.goto("/admin/?month=3");
  await signUp(page, stack, person, { password: person.password });
  await heading(page, /.*/);
  if (await passwordField(page).count()) {
    await passwordField(page).fill(person.password);
    await press(page, "Continue");
  }
  await enrolPhone(page, stack, person);
  await inside(page, "Bank details", person);
  assert.equal(path(page), "/admin/?month=3");
  await signOut(page);

  await page.goto("/");
  await signInWithPassword(page, person);
  await inside(page, "Payslips", person);
  await page.goto("/admin/people?sort=name#last");
  await press(page, "Text me a code");
  await giveCode(page, stack, person.e164);
  await inside(page, "Bank details", person);
  assert.equal(path(page) + new URL(page.url()).hash, "/admin/people?sort=name#last");

  // Fourteen minutes later nothing is asked, two more and the text message alone is.
  await stack.wait("14m");
  await page.goto("/admin/people?sort=name");
  await inside(page, "Bank details", person);
  await stack.wait("2m");
  await page.goto("/admin/people?sort=name");
  await heading(page, /Confirm it.s you/);
  assert.equal(await page.getByRole("button", { name: "Text me a code" }).count(), 1);
  assert.equal(await page.getByRole("button", { name: /password|Email/ }).count(), 0, "only the stale factor is asked for");
  await look(page, "day-stale");
  await press(page, "Text me a code");
  await giveCode(page, stack, person.e164);
  await inside(page, "Bank details", person);
  assert.equal(path(page), "/admin/people?sort=name");

  // The risk rises in the middle of the session: the next request is asked, and at the top refused.
  await stack.wait("2m");
  await page.setExtraHTTPHeaders({ "X-Risk-Score": "55" });
  await page.goto("/admin/");
  await heading(page, /Confirm it.s you/);
  await page.setExtraHTTPHeaders({ "X-Risk-Score": "95" });
  const refused = await page.goto("/admin/");
  assert.equal(refused.status(), 403);
  await heading(page, "You can’t open this page right now");
  await look(page, "day-refused");
  const decision = await refused.headerValue("Stepgate-Decision");
  await page.getByText(decision).waitFor();
  const why = await live("explain", "--decision", decision);
  for (const part of [/X-Risk-Score/, /high/, /deny on admin when risk high/, /refuse/]) assert.match(why, part);
  assert.ok(!why.includes(person.phone) && !why.includes("stepgate="), "no secret is in an explanation");
  await page.setExtraHTTPHeaders({});
  await page.goto("/admin/");
  await inside(page, "Bank details", person);

  // Afternoon: a form that took an hour to fill in. The password is stale for the page, and
  // the order is approved by itself.
  await page.goto("/transfer");
  await inside(page, "Transfer", person);
  await page.getByLabel("To", { exact: true }).fill("Ines Moreau & Söhne");
  await page.getByLabel("Amount").fill("12.50");
  for (let i = 0; i < 2; i++) { // reading elsewhere meanwhile keeps the session
    await stack.wait("40m");
    await page.evaluate(() => fetch("/"));
  }
  await press(page, "Transfer");
  await heading(page, /Confirm it.s you/);
  await look(page, "day-held");
  await page.getByText(/a transfer/).first().waitFor();
  const ways = await page.getByRole("button").allInnerTexts();
  assert.ok(ways.some((way) => /password|Text me a code/.test(way)), ways.join());
  await proveBoth(page, stack, person);
  await heading(page, /.*/);
  await look(page, "day-continue");
  await press(page, "Continue");
  await page.getByRole("cell", { name: "12.50" }).waitFor();
  await page.getByText("Ines Moreau & Söhne").waitFor();
  assert.equal(path(page), "/transfer");
  await page.reload();
  assert.equal(await page.getByRole("cell", { name: "12.50" }).count(), 1, "sent once");

  // The next one is asked for again.
  await page.getByLabel("To", { exact: true }).fill("Ines Moreau");
  await page.getByLabel("Amount").fill("99.00");
  await press(page, "Transfer");
  await heading(page, /.*/);
  assert.equal(await page.getByRole("cell", { name: "99.00" }).count(), 0, "nothing is sent without a code of its own");
  const message = (await stack.messages(person.e164))[0];
  await press(page, "Text me a code");
  await codeField(page).waitFor();
  await giveCode(page, stack, person.e164);
  await press(page, "Continue");
  await page.getByRole("cell", { name: "99.00" }).waitFor();
  assert.ok(message === undefined || /transfer/i.test(message.text), "the message names what it approves");

  // Evening: what the report-only rules would have done.
  await page.goto("/");
  const report = JSON.parse(await live("report", "--json"));
  assert.match(JSON.stringify(report), /report require otp sms within 5m/);
  const sid = await page.evaluate(() => document.querySelector("[data-test=sid]")?.innerText);
  if (sid) {
    const session = await live("explain", "--session", sid, "GET", `${stack.origin}/admin/`);
    assert.match(session, /sms_code within 15m/);
  }
});

/** Whatever is owed, in turn. */
async function proveBoth(page, stack, person) {
  for (let i = 0; i < 4; i++) {
    if (await page.getByRole("button", { name: "Text me a code", exact: true }).count()) await press(page, "Text me a code");
    else if (await page.getByRole("button", { name: "Use my password", exact: true }).count()) await press(page, "Use my password");
    await page.waitForLoadState();
    if (await passwordField(page).count()) {
      await passwordField(page).fill(person.password);
      await press(page, "Continue");
    } else if (await codeField(page).count()) {
      await giveCode(page, stack, person.e164);
    }
    await page.waitForLoadState();
    if (page.url().includes("/continue")) return;
  }
  throw new Error(`the form was not shown: ${page.url()}`);
}

journey("the operator sees the same before it happens", async ({ stack }) => {
  const dir = await mkdtemp(join(tmpdir(), "explain-"));
  try {
    const file = join(dir, "Caddyfile");
    await writeFile(file, config);
    const explain = (...args) => stepgate("explain", "--config", file, "--user", "dana@example.com", ...args);
    const url = `${stack.origin}/admin/x`;
    assert.match(await explain("--proof", "password=40m,sms=2m", "GET", url), /pass/i);
    assert.match(await explain("--proof", "password=40m,sms=20m", "GET", url), /sms_code/);
    assert.match(await explain("--proof", "password=40m,sms=2m", "--header", "X-Risk-Score: 55", "GET", url), /medium/);
    const refused = JSON.parse(await explain("--json", "--proof", "password=40m,sms=2m", "--header", "X-Risk-Score: 95", "GET", url));
    assert.match(JSON.stringify(refused), /"refuse"/);
    assert.match(await explain("--proof", "sms=2m", "GET", `${stack.origin}/download`), /report/);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
