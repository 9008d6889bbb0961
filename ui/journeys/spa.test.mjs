import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after } from "node:test";
import { journeys } from "./lib/journey.mjs";
import { look } from "./lib/look.mjs";
import { until } from "./lib/process.mjs";
import { startSpa } from "./lib/spa.mjs";
import { askForCode, giveCode, heading, press, signUp } from "./lib/steps.mjs";

let spa;
after(() => spa?.stop());

const journey = journeys(async () => {
  spa = await startSpa();
  return { upstream: `127.0.0.1:${spa.port}`, caddyfile };
});

const caddyfile = ({ origin, upstream }) => `{
	admin off
	persist_config off
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
	stepgate {
		name Payments
		sensitivity pay /api/pay {
			label "Pay everybody"
		}
		require otp sms within 5m on /api/admin/*
		require otp sms within once on pay
		cors http://localhost:${upstream.split(":")[1]}
		inject {
			header Remote-User {http.auth.user.email}
		}
	}
	reverse_proxy ${upstream}
}
`;

/** An account with a phone, signed in, at the application. */
async function settled(page, stack, person) {
  await page.goto("/");
  await signUp(page, stack, person);
  await heading(page, "Payments");
  const asked = ask(page, "/api/admin/first");
  const popup = await go(page);
  await press(popup, "Add a mobile number");
  await popup.getByLabel("Mobile number").fill(person.phone);
  await press(popup, "Text me a code");
  await confirm(popup, stack, person);
  assert.equal((await asked).status, 200);
}

/** Has the page call stepgate.fetch, and returns a promise of what comes of it. */
const ask = (page, path, init = {}) => page.evaluate(async ([path, init]) => {
  const response = await globalThis.stepgate.fetch(path, init);
  return { status: response.status, answer: await response.json() };
}, [path, init]);

const dialog = (page) => page.getByRole("dialog");

/** Presses Continue, and returns the window that opens. */
async function go(page) {
  const [popup] = await Promise.all([page.context().waitForEvent("page"), dialog(page).getByRole("button", { name: "Continue" }).click()]);
  await popup.waitForLoadState();
  return popup;
}

/** Gives the newest code, and waits for the window to close by itself. */
async function confirm(popup, stack, person) {
  const closed = popup.waitForEvent("close");
  await giveCode(popup, stack, person.e164);
  await closed;
}

/** Asks for a text message, gives its code, and waits for the window to close. */
async function prove(page, stack, person) {
  const popup = await go(page);
  await press(popup, "Text me a code");
  await confirm(popup, stack, person);
}

const silent = /401 \(Unauthorized\)/;

journey("a fetch that lacks proof asks in a dialog, proves in a window, and gets its answer", async ({ page, stack, person, allow }) => {
  allow(silent);
  await settled(page, stack, person);
  await stack.wait("6m");
  for (const [name, path, init, want] of [
    ["a read", "/api/admin/x?y=1", {}, { method: "GET", path: "/api/admin/x?y=1" }],
    ["a write", "/api/admin/x", { method: "POST", body: '{"amount":1}', headers: { "content-type": "application/json" } }, { method: "POST", type: "application/json", body: '{"amount":1}' }],
  ]) {
    const before = spa.received();
    const asked = ask(page, path, init);
    await dialog(page).getByRole("heading", { name: "Confirm it’s you" }).waitFor();
    assert.equal(page.context().pages().length, 1, "nothing opens by itself");
    assert.equal(spa.received(), before, "nothing has reached the application");
    await prove(page, stack, person);
    const { status, answer } = await asked;
    assert.equal(status, 200);
    for (const [key, value] of Object.entries({ user: person.email, ...want })) assert.equal(answer[key], value, `${name}: ${key}`);
    assert.equal(spa.received(), before + 1);
    assert.equal(await dialog(page).count(), 0, "the dialog is gone");
    await stack.wait("6m");
  }
});

journey("whatever a body is, it arrives whole", async ({ page, stack, person, allow }) => {
  allow(silent);
  allow(/ERR_ALPN_NEGOTIATION_FAILED/);
  await settled(page, stack, person);
  for (const kind of ["a form", "a stream", "a request"]) {
    await stack.wait("6m");
    const asked = page.evaluate(async (kind) => {
      const form = new FormData();
      form.append("note", "three words here");
      const stream = new Blob(["three ", "words ", "here"]).stream();
      const init = { method: "PUT", body: kind === "a form" ? form : kind === "a stream" ? stream : "three words here", duplex: "half" };
      const response = await globalThis.stepgate.fetch(kind === "a request" ? new Request("/api/admin/x", init) : "/api/admin/x", kind === "a request" ? undefined : init);
      return { status: response.status, answer: await response.json() };
    }, kind).catch((error) => ({ error: String(error) }));
    if (kind === "a stream") {
      // Chromium sends streams over HTTP/2 only, which needs TLS; so does fetch itself.
      assert.match((await asked).error ?? "", /Failed to fetch|ALPN/);
      continue;
    }
    await prove(page, stack, person);
    const { status, answer } = await asked;
    assert.equal(status, 200, kind);
    assert.match(answer.body, /three words here/, kind);
  }
});

journey("whoever cancels gets the answer as it was", async ({ page, stack, person, allow }) => {
  allow(silent);
  await settled(page, stack, person);
  await stack.wait("6m");
  for (const cancel of [() => dialog(page).getByRole("button", { name: "Cancel" }).click(), () => page.keyboard.press("Escape")]) {
    const asked = ask(page, "/api/admin/x");
    await dialog(page).waitFor();
    await cancel();
    const { status, answer } = await asked;
    assert.equal(status, 401);
    assert.equal(answer.error, "insufficient_user_authentication");
    assert.deepEqual(answer.missing.includes("sms_code"), true, JSON.stringify(answer.missing));
    assert.equal(await dialog(page).count(), 0);
  }
  const aborted = page.evaluate(async () => {
    const abort = new AbortController();
    const asked = globalThis.stepgate.fetch("/api/admin/x", { signal: abort.signal });
    while (!document.querySelector("dialog")) await new Promise((resolve) => setTimeout(resolve, 10));
    abort.abort();
    return asked.then((response) => response.status, (error) => error.name);
  });
  assert.equal(await aborted, 401);
  assert.equal(await dialog(page).count(), 0, "a fetch that was given up asks nothing");
});

journey("many fetches ask one at a time, and once where that is enough", async ({ page, stack, person, allow }) => {
  allow(silent);
  await settled(page, stack, person);
  await stack.wait("6m");
  const three = () => Promise.all([1, 2, 3].map((n) => ask(page, `/api/admin/${n}`)));
  let asked = three();
  await dialog(page).waitFor();
  assert.equal(await dialog(page).count(), 1);
  await prove(page, stack, person);
  assert.deepEqual((await asked).map(({ status, answer }) => `${status} ${answer.path}`), ["200 /api/admin/1", "200 /api/admin/2", "200 /api/admin/3"]);

  await stack.wait("6m");
  asked = three();
  await dialog(page).getByRole("button", { name: "Cancel" }).click();
  assert.deepEqual((await asked).map(({ status }) => status), [401, 401, 401], "who cancels one means all");

  const after = ask(page, "/api/admin/4");
  await prove(page, stack, person);
  assert.equal((await after).status, 200, "and may do it another time");
});

journey("what is approved once is done once", async ({ page, stack, person, allow }) => {
  allow(silent);
  await settled(page, stack, person);
  const init = { method: "POST", body: "all of them" };
  const before = spa.received();
  const asked = ask(page, "/api/pay", init);
  const popup = await go(page);
  await popup.getByText("Pay everybody").first().waitFor();
  await press(popup, "Text me a code");
  await confirm(popup, stack, person);
  const { status, answer } = await asked;
  assert.deepEqual([status, answer.method, answer.body, spa.received()], [200, "POST", "all of them", before + 1]);
  const again = ask(page, "/api/pay", init);
  await dialog(page).getByRole("button", { name: "Cancel" }).click();
  assert.equal((await again).status, 401);
  assert.equal(spa.received(), before + 1);
});

journey("somebody who was signed out signs in, in the window, and goes on", async ({ page, stack, person, allow }) => {
  allow(silent);
  await settled(page, stack, person);
  await page.context().clearCookies({ name: "stepgate" });
  const asked = ask(page, "/api/x");
  await dialog(page).getByRole("heading", { name: "Sign in to go on" }).waitFor();
  const popup = await go(page);
  await askForCode(popup, person);
  const closed = popup.waitForEvent("close");
  await giveCode(popup, stack, person.email);
  await closed;
  const { status, answer } = await asked;
  assert.deepEqual([status, answer.user], [200, person.email]);
});

journey("another window for another thing answers nothing here", async ({ page, stack, person, allow }) => {
  allow(silent);
  await settled(page, stack, person);
  await stack.wait("6m");
  const asked = ask(page, "/api/admin/x");
  await dialog(page).waitFor();
  const other = await page.context().newPage();
  await other.goto("/.auth/done?decision=abcdefghij27");
  await heading(other, "That’s done");
  await other.close();
  assert.equal(await dialog(page).count(), 1);
  await dialog(page).getByRole("button", { name: "Cancel" }).click();
  assert.equal((await asked).status, 401);
});

journey("an answer of anybody else opens nothing", async ({ page, stack, person, allow }) => {
  allow(silent);
  await settled(page, stack, person);
  const direct = `http://localhost:${spa.port}`; // an origin that is not the gateway's
  for (const path of [
    `/api/own-401?to=${stack.origin}/.auth/step-up`, // the gateway takes the header away
    `${direct}/api/own-401?to=${stack.origin}/.auth/step-up`,
    `${direct}/api/own-401?to=https://evil.example/`,
    `${direct}/api/own-401?to=javascript:alert(1)`,
    `${direct}/api/own-401?to=${encodeURIComponent("//localhost")}`,
    `${direct}/api/own-401`,
  ]) {
    const { status, answer } = await ask(page, path);
    assert.equal(status, 401, path);
    assert.equal(answer.reason, "forged", "the answer can still be read");
    assert.equal(await dialog(page).count(), 0, path);
  }
});

journey("what was taken and led elsewhere is neither sent again nor a reason to ask", async ({ page, stack, person, allow }) => {
  allow(silent);
  await settled(page, stack, person);
  await stack.wait("6m");
  const direct = `http://localhost:${spa.port}`;
  const stranger = `${direct}/api/own-401?to=${direct}/.auth/step-up`;
  for (const [method, to] of [["POST", "/api/admin/receipt"], ["GET", stranger]]) {
    const before = spa.received();
    const { status } = await ask(page, `/api/then?to=${encodeURIComponent(to)}`, { method });
    assert.equal(status, 401, to);
    assert.equal(spa.received() - before, method === "GET" ? 2 : 1, "the application has it once");
    assert.equal(await dialog(page).count(), 0, "nothing is asked");
  }
});

journey("an application of another origin asks as well", async ({ page, stack, person, allow }) => {
  allow(silent);
  await settled(page, stack, person);
  await stack.wait("6m");
  await page.goto(`http://localhost:${spa.port}/?gateway=${stack.origin}`);
  const asked = ask(page, `${stack.origin}/api/admin/x`, { method: "POST", body: "{}", credentials: "include", headers: { "content-type": "application/json" } });
  await prove(page, stack, person);
  await page.evaluate(() => dispatchEvent(new Event("focus"))); // as when the person is back
  const { status, answer } = await asked;
  assert.deepEqual([status, answer.method, answer.user], [200, "POST", person.email]);
});

journey("signing out closes what is open, within a second", async ({ page, stack, person, context, allow }) => {
  allow(silent);
  allow(/ERR_INCOMPLETE_CHUNKED_ENCODING|WebSocket connection/);
  await settled(page, stack, person);
  await page.evaluate(() => new Promise((resolve) => {
    const open = { events: "opening", socket: "opening" };
    globalThis.open_ = open;
    const events = new EventSource("/events"), socket = new WebSocket("/ws");
    const note = (name, what) => {
      open[name] = what;
      open[`${name}At`] = Date.now();
      if (open.events === "first" && open.socket === "first") resolve();
    };
    events.onmessage = (event) => note("events", event.data);
    events.onerror = () => {
      note("events", "closed");
      events.close();
    };
    socket.onmessage = (event) => note("socket", event.data);
    socket.onclose = () => note("socket", "closed");
  }));
  const other = await context.newPage();
  await other.goto("/.auth/sign-out");
  const began = Date.now();
  await press(other, "Sign out");
  await heading(other, /You.ve signed out/);
  const open = await until("both to close", async () => {
    const now = await page.evaluate(() => globalThis.open_);
    return now.events === "closed" && now.socket === "closed" ? now : undefined;
  });
  for (const name of ["events", "socket"]) {
    assert.ok(open[`${name}At`] - began < 1000, `${name} closed after ${open[`${name}At`] - began} ms`);
  }
});

for (const colorScheme of ["light", "dark"]) {
  journey(`the dialog and the last page can be read, in ${colorScheme}`, async ({ page, stack, person, allow }) => {
    allow(silent);
    allow(/Scripts may close only the windows that were opened by them/); // this one was not
    await settled(page, stack, person);
    await stack.wait("6m");
    await page.setViewportSize({ width: 600, height: 500 });
    const asked = ask(page, "/api/admin/x");
    await dialog(page).waitFor();
    assert.equal(await dialog(page).getAttribute("aria-label"), "Confirm it’s you");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Continue");
    if (process.env.SHOTS) {
      await mkdir(process.env.SHOTS, { recursive: true });
      await page.screenshot({ path: join(process.env.SHOTS, `dialog-${colorScheme}.png`) });
    }
    await dialog(page).getByRole("button", { name: "Cancel" }).click();
    await asked;
    await page.goto("/.auth/done?decision=abcdefghij27");
    await look(page, "done");
  }, { colorScheme });
}
