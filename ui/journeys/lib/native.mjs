// Journeys of an application with screens of its own: Microsoft's npm package, as it is
// published, in a page that knows nothing else.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { journeys } from "./journey.mjs";
import { freePort } from "./process.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The clients of the stack. Any of them may be called from the other origin. */
export const clients = {
  plain: "11111111-0c2e-4f7a-9a44-000000000001",
  /** Wants two channels of everybody. */
  twofold: "11111111-0c2e-4f7a-9a44-000000000002",
  /** Wants a text message of everybody. */
  phone: "11111111-0c2e-4f7a-9a44-000000000003",
  /** May learn whether an address has an account. */
  reveal: "11111111-0c2e-4f7a-9a44-000000000004",
};

/** All that the SDK may ever ask for. */
const endpoints = [
  ...["initiate", "challenge", "introspect", "token"].map((name) => `oauth2/v2.0/${name}`),
  ...["start", "challenge", "continue"].map((name) => `signup/v1.0/${name}`),
  ...["start", "challenge", "continue", "submit", "poll_completion"].map((name) => `resetpassword/v1.0/${name}`),
  ...["introspect", "challenge", "continue"].map((name) => `register/v1.0/${name}`),
];

/**
 * Prepares a file's native journeys. The function returned defines each of them once for
 * a page of the gateway's own origin and once for a page of another one:
 * journey(name, async ({ app, person, stack, … }) => …).
 */
export function nativeJourneys() {
  const ports = {};
  const journey = journeys(async () => {
    Object.assign(ports, { other: await freePort(), tenant: await freePort() });
    return { caddyfile: (stack) => caddyfile({ ...stack, ...ports }) };
  });
  const define = (place, from, base = "/.auth/native") => (name, walk) =>
    journey(`${place}: ${name}`, async (scene) => {
      scene.allow(/status of 400 \(Bad Request\)/); // Chromium says so of every refusal
      const origin = from(scene.stack.origin);
      const app = new App(scene.page, `${base.startsWith("/.auth") ? scene.stack.origin : origin}${base}`);
      await scene.page.goto(`${origin}/native-page/`);
      await scene.page.waitForFunction(() => globalThis.native);
      await walk({ ...scene, app });
      app.calledNothingElse();
    });
  const port = (number) => `http://localhost:${number}`;
  const same = define("same origin", (origin) => origin);
  const cross = define("cross origin", () => port(ports.other));
  const tenant = define("own base", () => port(ports.tenant), "/tenant");
  return { both: (name, walk) => [same, cross].forEach((place) => place(name, walk)), same, tenant };
}

/** The SDK in the page, and what went over the wire. */
class App {
  #page;
  #api;
  #sent = [];
  #answers = [];

  constructor(page, api) {
    this.#page = page;
    this.#api = `${api}/`;
    const opened = () => page.url().endsWith("/native-page/") && this.client;
    page.on("request", (request) => {
      if (opened()) this.#sent.push({ method: request.method(), url: request.url() });
    });
    page.on("response", (response) => {
      if (opened()) this.#answers.push(response);
    });
  }

  /** Makes the SDK's application for one of the clients. */
  async open(client, { challengeTypes = ["oob", "password"], capabilities = ["mfa_required", "registration_required"] } = {}) {
    this.client = clients[client];
    await this.#page.evaluate((config) => globalThis.native.open(config), {
      auth: { clientId: this.client, authority: "https://login.example.com/tenant" },
      customAuth: { authApiProxyUrl: this.#api.slice(0, -1), challengeTypes, capabilities },
    });
  }

  signIn(inputs) { return this.#call("app", "signIn", [inputs]); }
  signUp(inputs) { return this.#call("app", "signUp", [inputs]); }
  resetPassword(inputs) { return this.#call("app", "resetPassword", [inputs]); }
  /** Goes on from the state that the last answer led to: next("submitCode", code). */
  next(method, ...args) { return this.#call("state", method, args); }
  /** Goes on from a state that was kept. */
  from(name, method, ...args) { return this.#call(name, method, args); }
  keep(name) { return this.#page.evaluate((as) => globalThis.native.keep(as), name); }
  state(getter) { return this.#page.evaluate((name) => globalThis.native.state(name), getter); }
  account(getter) { return this.#page.evaluate((name) => globalThis.native.account(name), getter); }
  cached() { return this.#page.evaluate(() => globalThis.native.cached()); }
  getAccessToken(inputs = { forceRefresh: false }) { return this.#call("account", "getAccessToken", [inputs]); }
  signOut() { return this.#call("account", "signOut", []); }

  #call(on, method, args) {
    return this.#page.evaluate(([o, m, a]) => globalThis.native.call(o, m, a), [on, method, args]);
  }

  /** The endpoints called since it was asked last. */
  calls() {
    const names = this.#sent.slice(this.counted).map(({ url }) => this.#name(url));
    this.counted = this.#sent.length;
    return names;
  }
  counted = 0;

  #name(url) { return url.startsWith(this.#api) ? url.slice(this.#api.length).replace(/\?.*/, "") : url; }

  /** The newest answer of the token endpoint, as it went over the wire. */
  async tokenAnswer() {
    const answer = this.#answers.findLast((response) => this.#name(response.url()) === "oauth2/v2.0/token");
    return { status: answer.status(), headers: await answer.allHeaders(), body: await answer.json() };
  }

  /** Calls an endpoint without the SDK. */
  async raw(endpoint, parameters) {
    const response = await fetch(this.#api + endpoint, { method: "POST", body: new URLSearchParams({ client_id: this.client, ...parameters }) });
    return { status: response.status, body: await response.json() };
  }

  calledNothingElse() {
    assert.ok(this.#sent.length > 0, "the SDK called something");
    for (const { method, url } of this.#sent) {
      assert.ok(method === "POST" && endpoints.includes(this.#name(url)), `the SDK called ${method} ${url}`);
    }
  }
}

function caddyfile({ origin, upstream, other, tenant }) {
  const elsewhere = `http://localhost:${other}`;
  const client = (name, ...lines) => `client ${clients[name]} {
			${["name Pocket", `cors ${elsewhere}`, ...lines].join("\n\t\t\t")}
		}`;
  const page = `handle_path /native-page/node_modules/* {
		root * ${here("../node_modules")}
		file_server
	}
	handle_path /native-page/* {
		root * ${here("./native")}
		file_server
	}`;
  return `{
	admin off
	persist_config off
	stepgate {
		store memory
		email inbox
		sms inbox
		code {
			resend_after 10s
		}
		attribute displayName {
			required
		}
		attribute loyaltyNumber {
			label "Loyalty number"
			type integer
		}
	}
}

${origin} {
	stepgate {
		name Payroll
		sensitivity admin /admin /admin/* {
			label "Bank details"
		}
		sensitivity transfer /transfer
		public on /native-page/*
		require otp sms within 15m on admin
		require otp within 30m on transfer
		${client("plain")}
		${client("twofold", "require otp")}
		${client("phone", "require otp sms")}
		${client("reveal", "enumeration reveal")}
	}
	${page}
	reverse_proxy ${upstream}
}

http://localhost:${tenant} {
	stepgate {
		public on /native-page/*
		native /tenant
		${client("plain")}
	}
	${page}
}

${elsewhere} {
	${page}
}
`;
}
