// Every page in every state, written by `caddy stepgate pages` and served on loopback
// with the status and the headers that the gateway would send.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { start } from "./process.mjs";

const types = {
  ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml", ".png": "image/png", ".txt": "text/plain; charset=utf-8",
};

/**
 * Writes and serves a gallery. `languages` are tags, `brand` lines of a Caddyfile's brand.
 * It resolves to { origin, shown, stop }; an entry of `shown` has url, kind, name, lang,
 * dir, title, status and headers.
 */
export async function startGallery({ languages = [], pseudo = false, brand } = {}) {
  const { CADDY } = process.env;
  assert.ok(CADDY, "CADDY names the binary: run make -f xcaddy.mk journeys");
  const dir = await mkdtemp(join(tmpdir(), "gallery-"));
  const album = join(dir, "album");
  const args = ["stepgate", "pages", "--out", album, ...languages.flatMap((tag) => ["--language", tag])];
  if (pseudo) args.push("--pseudo");
  if (brand !== undefined) {
    await writeFile(join(dir, "Caddyfile"), caddyfile(brand));
    args.push("--config", join(dir, "Caddyfile"), "--adapter", "caddyfile");
  }
  const command = start(CADDY, args, { cwd: dir, env: { HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir } });
  await command.ended;
  const list = await readFile(join(album, "stepgate-pages.json"), "utf8").then(JSON.parse, () => assert.fail(`no pages were written:\n${command.output()}`));

  const byPath = new Map(list.shown.map((entry) => [`/${entry.file}`, entry]));
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://gallery").pathname));
    const entry = byPath.get(path);
    try {
      const body = await readFile(join(album, path));
      for (const [name, value] of Object.entries(entry?.headers ?? {})) {
        if (name !== "Link") response.setHeader(name, value); // it names the stylesheet where the gateway has it
      }
      response.setHeader("Content-Type", types[extname(path)] ?? "application/octet-stream");
      response.writeHead(entry?.status || 200).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    origin,
    shown: list.shown.map((entry) => ({ ...entry, url: `${origin}/${entry.file}` })),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const caddyfile = (brand) => `{
	admin off
	persist_config off
	stepgate {
		store memory
		email inbox
		sms inbox
		brand {
			name "Harbour Mutual"
			${brand}
		}
	}
}
http://localhost:8080 {
	stepgate {
		name Payroll
	}
	respond "in"
}
`;
