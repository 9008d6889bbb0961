// The application here is another one: it verifies its tokens itself, with a library
// that shares nothing with the gateway, and answers with what it found.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after } from "node:test";
import { verifier } from "../../examples/verify-node/verify.mjs";
import { journeys } from "./lib/journey.mjs";
import { agreeToEnrol, enrolPhone, signUp } from "./lib/steps.mjs";

let last;
const application = createServer((request, response) => {
  last = request.headers;
  response.setHeader("Content-Type", "text/plain");
  response.end("received");
});
after(() => application.close());

const journey = journeys(async () => {
  application.listen(0, "127.0.0.1");
  await once(application, "listening");
  return { upstream: `127.0.0.1:${application.address().port}` };
});

async function verified(origin) {
  const { idToken, accessToken } = await verifier(`${origin}/.auth`, origin);
  return { id: await idToken(last["x-id-token"]), access: await accessToken(last["x-access-token"]) };
}

journey("both tokens verify by discovery, and say who it is and what was proved", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await page.getByText("received").waitFor();
  const first = await verified(stack.origin);
  assert.equal(first.id.email, person.email);
  assert.equal(first.id.email_verified, true);
  assert.equal(first.id.acr, "urn:stepgate:acr:1");
  assert.equal(first.id.sub, first.access.sub);
  assert.equal(last["remote-user"], person.email);

  await page.goto("/admin/");
  await agreeToEnrol(page);
  await enrolPhone(page, stack, person);
  await page.getByText("received").waitFor();
  const raised = await verified(stack.origin);
  assert.equal(raised.id.acr, "urn:stepgate:acr:2");
  assert.equal(raised.id.sub, first.id.sub);
  assert.equal(raised.id.sid, first.id.sid, "a rise is the same sign-in");
  const times = Object.values(raised.id.factors);
  assert.ok(times.length > Object.values(first.id.factors).length, "one more factor was proved");
  for (const time of times) assert.ok(Math.abs(time - Date.now() / 1000) < 120, "each with its own time");
});

journey("a token that was changed, or is of the other kind or for another audience, is refused", async ({ page, stack, person }) => {
  await page.goto("/");
  await signUp(page, stack, person);
  await page.getByText("received").waitFor();
  const { idToken, accessToken } = await verifier(`${stack.origin}/.auth`, stack.origin);
  const id = last["x-id-token"];
  await assert.rejects(accessToken(id), "an ID token is no access token");
  await assert.rejects(idToken(last["x-access-token"]), "an access token is no ID token");
  const [head, payload, signature] = id.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  const forged = Buffer.from(JSON.stringify({ ...claims, email: "eve@example.com" })).toString("base64url");
  await assert.rejects(idToken(`${head}.${forged}.${signature}`));
  const other = await verifier(`${stack.origin}/.auth`, "https://other.example");
  await assert.rejects(other.idToken(id));
});

journey("headers that a client makes up never reach the application", async ({ page, stack, person, allow }) => {
  allow(/favicon.ico/); // which Chromium asks for on its own
  await page.setExtraHTTPHeaders({ "Remote-User": "root@example.com", "X-Id-Token": "made.up.token" });
  await page.goto("/assets/anything");
  assert.equal(last["remote-user"], undefined);
  assert.equal(last["x-id-token"], undefined);
  assert.equal(last.cookie, undefined);
  await page.goto("/");
  await signUp(page, stack, person);
  await page.getByText("received").waitFor();
  assert.equal(last["remote-user"], person.email);
  assert.notEqual(last["x-id-token"], "made.up.token");
});
