// What a journey runs against: Caddy serving Caddyfile.example in front of the demo
// application, on ports of its own and with a store that forgets.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, start, until } from "./process.mjs";

const example = new URL("../../../Caddyfile.example", import.meta.url);
const spa = fileURLToPath(new URL("../../../examples/msal-spa", import.meta.url));
const { CADDY, APP } = process.env;

/**
 * Starts the stack. `upstream` (host:port) replaces the demo application;
 * `settings` are lines added to the stepgate global options; `caddyfile` makes
 * another configuration than the example out of { origin, upstream }.
 */
export async function startStack({ upstream, settings = "", caddyfile } = {}) {
  assert.ok(CADDY && APP, "CADDY and APP name the binaries: run make -f xcaddy.mk journeys");
  const dir = await mkdtemp(join(tmpdir(), "journeys-"));
  const port = await freePort();
  const origin = `http://localhost:${port}`;

  let app;
  if (!upstream) {
    upstream = `127.0.0.1:${await freePort()}`;
    app = start(APP, ["-listen", upstream]);
    await ready(app, `http://${upstream}/`);
  }
  const clock = `127.0.0.1:${await freePort()}`;
  const config = join(dir, "Caddyfile");
  await writeFile(config, caddyfile ? caddyfile({ origin, upstream }) : adjust(await readFile(example, "utf8"), { origin, upstream, settings }));
  const caddy = start(CADDY, ["run", "--config", config], {
    cwd: dir,
    env: { HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir, STEPGATE_CLOCK: clock },
  });
  await ready(caddy, `${origin}/.auth/jwks`);

  const read = new Map();
  const messages = async (to) => {
    const response = await fetch(`${origin}/.auth/inbox.json?${new URLSearchParams({ to })}`);
    assert.equal(response.status, 200, "the inbox answers");
    return response.json();
  };
  return {
    origin,
    messages,
    /** What Caddy has logged so far. */
    log: () => caddy.output(),
    /** Lets time pass for the gateway, such as "15m". */
    async wait(by) {
      const response = await fetch(`http://${clock}/?${new URLSearchParams({ by })}`, { method: "POST" });
      assert.equal(response.status, 200, "the clock can be moved");
    },
    /** The code of the newest message to this address that was not read before. */
    async code(to) {
      const fresh = await until(`a code for ${to}`, async () =>
        (await messages(to)).find((message) => message.code && !read.has(message.id)));
      read.set(fresh.id, fresh);
      return fresh.code;
    },
    async stop() {
      await caddy.end();
      await app?.end();
      await rm(dir, { recursive: true, force: true });
      const log = caddy.output();
      for (const { code, to } of read.values()) {
        assert.doesNotMatch(log, new RegExp(`(?<![\\d.])${code}(?!\\d)`), "no code is in the log");
        if (to.startsWith("+")) assert.ok(!log.includes(to.slice(1)), "no phone number is in the log");
      }
      const leaked = log.split("\n").filter((line) => line.includes("eyJ") || /bearer [^"\s]/i.test(line));
      assert.deepEqual(leaked.map((line) => line.slice(0, 200)), [], "no token is in the log");
      assert.doesNotMatch(log, /panic/, "nothing panicked");
    },
  };
}

// adjust changes the example no more than it must.
function adjust(caddyfile, { origin, upstream, settings }) {
  const swaps = [
    ["\tstepgate {\n\t\tstore badger .build/demo-data\n", `\tadmin off\n\tpersist_config off\n\tstepgate {\n\t\tstore memory\n${settings}\n`],
    ["\nhttp://localhost:8080 {\n", `\n${origin} {\n`],
    ["\treverse_proxy 127.0.0.1:8081\n", `\treverse_proxy ${upstream}\n`],
    ["\troot * examples/msal-spa\n", `\troot * ${spa}\n`],
  ];
  for (const [from, to] of swaps) {
    assert.equal(caddyfile.split(from).length, 2, `Caddyfile.example has this once: ${from.trim()}`);
    caddyfile = caddyfile.replace(from, () => to);
  }
  return caddyfile;
}

async function ready(program, url) {
  try {
    await until(url, async () => {
      if (!program.alive()) throw new Error("it ended at once");
      return fetch(url).then((response) => (response.ok ? true : undefined), () => undefined);
    });
  } catch (error) {
    throw new Error(`starting: ${error.message}\n${program.output()}`);
  }
}
