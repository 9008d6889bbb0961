// Programs that a journey starts, and ends again by their process id.
import { spawn } from "node:child_process";
import { createServer } from "node:net";

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/**
 * Starts a program. `output()` is all it has printed; `ended` resolves when it has ended,
 * and `end()` makes it end.
 */
export function start(program, args, { cwd, env = {} } = {}) {
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const printed = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => printed.push(data));
  const ended = new Promise((resolve) => {
    child.on("error", (error) => resolve(printed.push(String(error))));
    child.on("close", resolve);
  });
  running.add(child);
  ended.then(() => running.delete(child));
  return {
    output: () => Buffer.concat(printed.map((part) => Buffer.from(part))).toString(),
    alive: () => running.has(child),
    ended,
    async end() {
      child.kill("SIGTERM");
      const force = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(force);
    },
  };
}

const taken = new Set();

/**
 * A port on which nothing listens, on any address. It is none of those that systems give to
 * connections going out: one of these could have taken it by the time that it is used.
 */
export async function freePort() {
  for (let tries = 1; tries <= 50; tries += 1) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    if (!taken.has(port) && (await isFree(port))) {
      taken.add(port);
      return port;
    }
  }
  throw new Error("finding a free port: none of 50 is");
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}

/** Asks until the answer is not undefined. */
export async function until(what, ask, within = 15_000) {
  const end = Date.now() + within;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`waited ${within} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
