import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { pathToFileURL } from "node:url";
import { journeys } from "./lib/journey.mjs";
import { codesOf, startMailServer, startTextProvider } from "./lib/peers.mjs";
import { codeField, enrolPhone, giveCode, heading, inside, press, signInWithCode, signInWithPassword, signOut, signUp } from "./lib/steps.mjs";

let first, second, texts, others, peers;
const all = () => [first, second, texts, others];

const journey = journeys(async () => {
  [first, second] = [await startMailServer(), await startMailServer()];
  [texts, others] = [await startTextProvider(), await startTextProvider()];
  peers = codesOf(...all());
  const mail = (peer) => `\t\temail smtp ${peer.address} {\n\t\t\tfrom "Harbour Mutual <no-reply@example.com>"\n\t\t\ttls none\n\t\t}`;
  const sms = (peer) => `\t\tsms vonage {\n\t\t\tapi_key ${peer.key}\n\t\t\tapi_secret ${peer.secret}\n\t\t\tfrom Harbour\n\t\t\tcountries GB\n\t\t\tbase_url ${peer.address}\n\t\t\tsignature_secret ${peer.signature}\n\t\t}`;
  return {
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
${mail(first)}
${mail(second)}
${sms(texts)}
${sms(others)}
		attribute displayName {
			required
		}
		brand {
			name "Harbour Mutual"
		}
	}
}
${origin} {
	stepgate {
		name Payroll
		sensitivity admin /admin /admin/* {
			label "Bank details"
		}
		sensitivity transfer /transfer {
			label Transfer
		}
		require otp sms within 15m on admin
		require otp within 30m on transfer
		inject {
			id_token X-Id-Token
			access_token X-Access-Token
			header Remote-User {http.auth.user.email}
		}
	}
	reverse_proxy ${upstream}
}
`,
  };
});
after(() => Promise.all(all().map((peer) => peer?.stop())));

function state(states) {
  for (const peer of all()) peer.state = "up";
  for (const [peer, how] of states) peer.state = how;
}

const gotBy = (peer, to) => (peer.mails ?? peer.texts).filter((m) => [m.to, `+${m.to}`].flat().includes(to)).length;

journey("the first mail server is down: the code comes by the second, once, and signs up", async ({ page, person }) => {
  state([[first, "down"]]);
  await page.goto("/");
  await signUp(page, peers, person);
  await inside(page, "Payslips", person);
  assert.deepEqual([gotBy(first, person.email), gotBy(second, person.email)], [0, 1]);

  state([[first, "busy"]]);
  await signOut(page);
  await page.goto("/");
  await signInWithCode(page, peers, person);
  await inside(page, "Payslips", person);
  assert.equal(gotBy(first, person.email), 0);
});

for (const how of ["down", "throttled", "quota"]) {
  journey(`the first text message provider is out of order (${how}): the second brings the code`, async ({ page, person }) => {
    state([[texts, how]]);
    await page.goto("/admin/");
    await signUp(page, peers, person);
    await enrolPhone(page, peers, person);
    await inside(page, "Bank details", person);
    assert.deepEqual([gotBy(texts, person.e164), gotBy(others, person.e164)], [0, 1]);
  });
}

journey("a carrier that refuses a text is named on the page, with another way; a forged report is not believed", async ({ page, person, stack }) => {
  state([]);
  await page.goto("/admin/");
  await signUp(page, peers, person, { password: person.password });
  await enrolPhone(page, peers, person);
  await inside(page, "Bank details", person);
  await signOut(page);
  await page.goto("/transfer");
  await signInWithPassword(page, person);
  await heading(page, "Choose how to confirm it’s you");
  await page.getByLabel("Text message").check();
  await press(page, "Continue");
  await heading(page, "Check your phone");
  const sent = await newest(person.e164, 2);
  const provider = texts.texts.includes(sent) ? texts : others;
  assert.match(sent.callback, new RegExp(`^${stack.origin}/.auth/receipts/vonage$`));
  assert.equal(await provider.report(sent, "rejected", { signedBy: "somebody else's" }), 403);
  await page.reload();
  await codeField(page).waitFor();
  assert.equal(await page.getByText("didn’t deliver").count(), 0, "a report that nobody signed changes nothing");

  assert.equal(await provider.report(sent, "rejected"), 204);
  await page.reload();
  await page.getByText("Your phone company didn’t deliver the text message with your code.").waitFor();
  await page.getByText("choose another way below").waitFor();
  await shoot(page, "delivery-refused");
  await press(page, "Email me a code instead");
  await heading(page, "Check your email");
  await giveCode(page, peers, person.email);
  await inside(page, "Transfer", person);
});

// newest waits until n messages have gone to somebody, and returns the last.
async function newest(to, n) {
  for (let tries = 0; tries < 400; tries += 1) {
    const taken = peers.taken(to);
    if (taken.length >= n) return taken.at(-1);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${n} messages to ${to} did not come`);
}

journey("mails show themselves in light and dark, fetch nothing, and say the same in plain text", async ({ page, context, person, newPerson }) => {
  state([]);
  await page.goto("/");
  await signUp(page, peers, person, { password: person.password });
  await signOut(page);
  await context.clearCookies(); // a browser that was never seen
  await page.goto("/");
  await signInWithPassword(page, person);
  await inside(page, "Payslips", person);
  await newest(person.email, 2); // the code and the notice
  await page.goto("/admin/");
  await press(page, "Email me a code");
  await giveCode(page, peers, person.email);
  await enrolPhone(page, peers, person);
  await inside(page, "Bank details", person);
  await newest(person.email, 4); // to sign up, of a new device, to confirm, of the phone

  const dir = await mkdtemp(join(tmpdir(), "mails-"));
  const reader = await context.browser().newContext({ javaScriptEnabled: false, viewport: { width: 640, height: 900 } });
  const fetched = [];
  reader.on("request", (request) => fetched.push(request.url()));
  try {
    for (const [i, mail] of peers.taken(person.email).entries()) {
      assert.match(mail.raw, /^Auto-Submitted: auto-generated\r$/m);
      assert.match(mail.raw, /^Message-ID: <[^<>@\s]+@[^<>@\s]+>\r$/im);
      const file = pathToFileURL(join(dir, `${i}.html`)).href;
      await writeFile(new URL(file), mail.html);
      const view = await reader.newPage();
      for (const colorScheme of ["light", "dark"]) {
        await view.emulateMedia({ colorScheme });
        for (const width of [640, 320]) {
          await view.setViewportSize({ width, height: 900 });
          await view.goto(file);
          const seen = await view.evaluate(() => ({
            heading: document.querySelector("h1").innerText,
            text: document.body.innerText,
            background: getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number),
            sideways: document.documentElement.scrollWidth - innerWidth,
            links: [...document.querySelectorAll("a")].map((a) => a.href),
          }));
          assert.equal(seen.background[0] < 128, colorScheme === "dark", `${mail.subject}: ${seen.background} in ${colorScheme}`);
          assert.ok(seen.sideways <= 0, `${mail.subject}: scrolls sideways at ${width}`);
          const code = /(?<![\d.+])\d{6}(?!\d)/.exec(mail.subject)?.[0];
          if (code) assert.ok(seen.text.includes(code) && mail.text.includes(code), `${mail.subject}: the code of the subject is in both`);
          for (const link of seen.links) assert.ok(mail.text.includes(link), `${mail.subject}: ${link} is in the plain text, too`);
          await shoot(view, `mail-${i}-${colorScheme}-${width}`);
        }
      }
      await view.close();
    }
  } finally {
    await reader.close();
    await rm(dir, { recursive: true, force: true });
  }
  assert.deepEqual(fetched.filter((url) => !url.startsWith("file:")), [], "a mail fetches nothing");
});

async function shoot(page, name) {
  if (!process.env.SHOTS) return;
  await mkdir(process.env.SHOTS, { recursive: true });
  await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage: true });
}

journey("“this wasn’t me”: opening the link changes nothing, its button ends the session and asks for a reset", async ({ page, context, person }) => {
  state([]);
  await page.goto("/");
  await signUp(page, peers, person, { password: person.password });
  await signOut(page);

  const elsewhere = await context.browser().newContext({ baseURL: new URL(page.url()).origin });
  elsewhere.setDefaultTimeout(10_000);
  try {
    const stranger = await elsewhere.newPage();
    await stranger.goto("/");
    await signInWithPassword(stranger, person);
    await inside(stranger, "Payslips", person);

    const notice = await newest(person.email, 2);
    const link = /https?:\/\/\S+\/not-me\?m=\S+/.exec(notice.text)[0];
    await page.goto(link);
    await heading(page, "Sign out everywhere?");
    await shoot(page, "not-me");
    await stranger.reload();
    await inside(stranger, "Payslips", person);

    await press(page, "It wasn’t me: sign out everywhere");
    await heading(page, "All devices are signed out");
    await stranger.goto("/");
    await heading(stranger, "Sign in");
    await page.getByText("Choose a new one now.").waitFor();

    await page.goto(link); // again
    await heading(page, "All devices are signed out");
    await page.goto("/");
    await signInWithPassword(page, person);
    await heading(page, /Enter your password/);
    await shoot(page, "not-me-password");
  } finally {
    await elsewhere.close();
  }
});

journey("everything is down: the page says so, and the code comes when a server is back", async ({ page, person, stack }) => {
  assert.equal(stack.log().split("sender works\"").length - 1, 4, "each sender was looked at when Caddy started");
  state([[first, "down"], [second, "down"]]);
  await page.goto("/.auth/sign-up");
  await page.getByLabel("Email address").fill(person.email);
  await press(page, "Continue");
  await heading(page, "Check your email");
  const said = page.getByText("We can’t send email at the moment.");
  for (let tries = 0; !(await said.count()) && tries < 200; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    await page.reload();
  }
  await said.waitFor();
  await shoot(page, "delivery-down");
  assert.equal(peers.taken(person.email).length, 0);

  state([]);
  await codeField(page).fill(await peers.code(person.email, 60_000)); // it has waited
  await press(page, "Continue");
  await heading(page, "Choose a password");
  assert.equal(peers.taken(person.email).length, 1);
});
