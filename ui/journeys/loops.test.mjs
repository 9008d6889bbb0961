// Somebody who is sent in circles, or stopped for good, is told why; and whoever is asked
// for more is told what for.
import assert from "node:assert/strict";
import { between, loseSession } from "./lib/between.mjs";
import { journeys } from "./lib/journey.mjs";
import { look } from "./lib/look.mjs";
import { codeField, enrolPhone, giveCode, heading, inside, path, press, signInWithCode, signInWithPassword, signOut, signUp } from "./lib/steps.mjs";

const caddyfile = ({ origin, upstream }) => `{
	admin off
	persist_config off
	log {
		format filter {
			request>headers>X-Id-Token delete
			request>headers>X-Access-Token delete
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
	@odd header X-Odd 1
	@pay {
		method POST
		path /transfer
	}
	stepgate {
		name Payroll
		sensitivity admin /admin /admin/* {
			label "Bank details"
		}
		sensitivity pay @pay
		risk {
			new_device medium
		}
		public on /assets/*
		require otp sms within 15m on admin
		require otp sms within 15m when @odd
		require otp within once on pay
		require otp email within 1h on /expenses when risk medium
		only group board on /board/*
		inject {
			id_token X-Id-Token
			access_token X-Access-Token
			header Remote-User {http.auth.user.email}
		}
	}
	reverse_proxy ${upstream}
}
`;

const journey = journeys({ caddyfile });

const reference = (page) => page.getByText(/^Reference:\s+[a-z2-7]{12}$/).innerText();

for (const colorScheme of ["light", "dark"]) {
  for (const width of [320, 1000]) {
    const screen = { colorScheme, viewport: { width, height: 800 } };

    journey(`a session cookie that gets lost is explained at the third bounce, on a ${colorScheme} screen ${width} px wide`, async ({ page, stack, person }) => {
      const lossy = await between(stack.origin, { answered: loseSession });
      try {
        await page.goto(`${lossy.origin}/payslips?year=2026`);
        await signUp(page, stack, person);
        for (let bounce = 0; bounce < 2; bounce += 1) await signInWithCode(page, stack, person);
        await heading(page, /sent in circles/);
        assert.equal(path(page), "/payslips?year=2026", "the address is that of the page itself");
        await page.getByText(/doesn.t send back the cookie/).waitFor();
        await look(page, "loop-cookie");
        assert.match(await reference(page), /[a-z2-7]{12}$/);
        await page.getByRole("link", { name: "Try again" }).click();
        await heading(page, "Sign in");
        assert.match(await reference(page), /[a-z2-7]{12}$/);
        await look(page, "sign-in-challenged");
      } finally {
        await lossy.close();
      }
    }, screen);

    journey(`rules that ask again for what the page cannot see are explained, on a ${colorScheme} screen ${width} px wide`, async ({ page, stack, person }) => {
      await page.goto("/");
      await signUp(page, stack, person);
      await inside(page, "Payslips", person);
      const adding = await between(stack.origin, {
        asked: (headers, url) => { if (!url.startsWith("/.auth")) headers["x-odd"] = "1"; },
      });
      try {
        await page.goto(`${adding.origin}/`);
        await heading(page, /sent in circles/);
        await page.getByText(/ask again, for a code by text message/).waitFor();
        await look(page, "loop-rules");
        await page.getByRole("link", { name: "Sign out" }).click();
        await press(page, "Sign out");
        await heading(page, /You.ve signed out/);
      } finally {
        await adding.close();
      }
    }, screen);

    journey(`who may not open a page is told who they are, and what is approved once is named, on a ${colorScheme} screen ${width} px wide`, async ({ page, stack, person }) => {
      await page.goto("/");
      await signUp(page, stack, person, { password: person.password });
      await inside(page, "Payslips", person);
      await page.goto("/board/minutes");
      await heading(page, "This page is only for certain people");
      await page.getByText(person.email).waitFor();
      assert.match(await reference(page), /[a-z2-7]{12}$/);
      await look(page, "stranger");
      await press(page, "Use another account");
      await signInWithPassword(page, person);
      await heading(page, "This page is only for certain people");

      await page.goto("/transfer");
      await page.getByLabel("To", { exact: true }).fill("Ines Moreau");
      await page.getByLabel("Amount").fill("12.50");
      await press(page, "Transfer");
      await heading(page, /Confirm it.s you/);
      await page.getByText("You’re approving").waitFor();
      await page.getByText("Then it is sent, one time.").waitFor();
      await look(page, "step-up-once");
      await press(page, "Email me a code");
      await heading(page, "Enter the code to approve POST /transfer");
      await look(page, "code-once");
      const [mail] = await stack.messages(person.email);
      assert.equal(mail.subject, "Your code to approve POST /transfer");
      await giveCode(page, stack, person.email);
      await heading(page, "Ready to send");
    }, screen);
  }
}

journey("cookies that are taken away on the way to the application are missed", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await inside(page, "Payslips", person);
  const stripping = await between(stack.origin, {
    asked: (headers, url) => { if (!url.startsWith("/.auth")) delete headers.cookie; },
  });
  try {
    await page.goto(`${stripping.origin}/transfer`);
    await heading(page, /sent in circles/);
    await page.getByText(/doesn.t send back the cookie/).waitFor();
    for (let reload = 0; reload < 2; reload += 1) { // begins again each time
      await page.reload();
      await heading(page, /sent in circles/);
    }
  } finally {
    await stripping.close();
  }
});

journey("the page says how long ago the proof was given that is asked for again", async ({ page, stack, person }) => {
  await page.goto("/admin/");
  await signUp(page, stack, person);
  await enrolPhone(page, stack, person);
  await inside(page, "Bank details", person);
  await stack.wait("40m");
  await page.goto("/admin/");
  await page.getByText(/You last confirmed it.s you 40 minutes ago\./).waitFor();
  await look(page, "step-up-long-ago");
});

journey("the page says that the browser is a new one", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person, { password: person.password });
  await signOut(page);
  const other = await page.context().browser().newContext({ baseURL: stack.origin });
  try {
    const there = await other.newPage();
    await there.goto("/");
    await signInWithPassword(there, person);
    await heading(there, "Payslips");
    await there.goto("/expenses");
    await there.getByText(/haven.t confirmed it.s you in this browser before/).waitFor();
    await look(there, "step-up-new-browser");
    await press(there, "Email me a code");
    await codeField(there).waitFor();
    await giveCode(there, stack, person.email);
    await heading(there, /Expenses|expense/i);
  } finally {
    await other.close();
  }
});
