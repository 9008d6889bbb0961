// Tokens that Microsoft's SDK got: refreshed, used, asked for with more, forgotten.
import assert from "node:assert/strict";
import { nativeJourneys } from "./lib/native.mjs";
import { addPhone, fails, offered, reaches, signOut, signUpByCode, signUpByPassword } from "./lib/native-steps.mjs";

const { both, same } = nativeJourneys();

const claimsFor = (value) => JSON.stringify({ access_token: { acrs: { essential: true, value } } });
const call = (stack, path, token) => fetch(stack.origin + path, { headers: { Authorization: `Bearer ${token}` }, redirect: "manual" });

both("refresh twice: each refresh token is another, and a spent one ends them all", async ({ app, stack, person }) => {
  await app.open("plain");
  await signUpByPassword(app, stack, person);
  const first = (await app.tokenAnswer()).body;
  assert.ok((await app.getAccessToken()).tokens.fromCache, "nothing is refreshed before its time");

  app.calls();
  const renewed = [];
  for (let n = 0; n < 2; n++) {
    const seen = await app.getAccessToken({ forceRefresh: true });
    assert.equal(seen.error, undefined, JSON.stringify(seen.error));
    assert.equal(seen.tokens.fromCache, false);
    const { body, headers } = await app.tokenAnswer();
    assert.equal(body.access_token, seen.tokens.accessToken);
    assert.equal(body.client_info, first.client_info, "the SDK files tokens by this");
    assert.match(headers["cache-control"], /no-store/);
    renewed.push(body);
  }
  assert.deepEqual(app.calls(), ["oauth2/v2.0/token", "oauth2/v2.0/token"]);
  assert.equal(new Set([first, ...renewed].map((body) => body.refresh_token)).size, 3);
  assert.equal((await call(stack, "/", renewed[1].access_token)).status, 200);

  const spent = await app.raw("oauth2/v2.0/token", { grant_type: "refresh_token", refresh_token: first.refresh_token, client_info: "1", scope: "openid profile offline_access" });
  assert.deepEqual([spent.status, spent.body.error], [400, "invalid_grant"]);
  assert.equal(spent.body.access_token, undefined);
  const over = await app.getAccessToken({ forceRefresh: true });
  assert.equal(over.error?.kind, "GetCurrentAccountAccessTokenError", "whoever stole the spent one ends the sign-in, and so does its owner");
  assert.equal(over.error.error, "invalid_grant");
  assert.equal((await call(stack, "/", renewed[1].access_token)).status, 401, "its access tokens are dead too");
});

both("an access token opens what its sign-in has proved, and more proof is asked for with claims", async ({ app, stack, person }) => {
  await app.open("plain", { challengeTypes: ["oob"] });
  await signUpByCode(app, stack, person);
  const { tokens } = await app.getAccessToken();
  const open = await call(stack, "/", tokens.accessToken);
  assert.equal(open.status, 200);
  assert.ok((await open.text()).includes(person.email), "the application is told who it is");

  const closed = await call(stack, "/admin/", tokens.accessToken);
  assert.equal(closed.status, 401);
  assert.match(closed.headers.get("WWW-Authenticate"), /^Bearer error="insufficient_user_authentication".*acr_values=.*max_age="900"/);
  const answer = await closed.json();
  assert.deepEqual([answer.error, answer.acrs], ["insufficient_user_authentication", ["admin"]]);

  const claims = claimsFor(answer.acrs[0]);
  const more = await app.getAccessToken({ forceRefresh: true, claims });
  assert.equal(more.error?.kind, "GetCurrentAccountAccessTokenError");
  assert.deepEqual([more.error.error, more.error.errorCodes[0]], ["invalid_grant", 50076]);
  assert.equal((await app.getAccessToken({ forceRefresh: true })).error, undefined, "what was enough before still is");

  await signOut(app);
  reaches(await app.signIn({ username: person.email, claims }), "SignInCodeRequiredState");
  reaches(await app.next("submitCode", await stack.code(person.email)), "AuthMethodRegistrationRequiredState", "isAuthMethodRegistrationRequired");
  assert.deepEqual(Object.keys(await offered(app)), ["sms"], "this wants a text message");
  await addPhone(app, stack, person);
  const raised = (await app.getAccessToken()).tokens.accessToken;
  assert.equal((await call(stack, "/admin/", raised)).status, 200);
  assert.equal((await app.getAccessToken({ forceRefresh: true, claims })).error, undefined);
});

both("who would need two more codes, to add a phone, is sent to the browser", async ({ app, stack, person }) => {
  await app.open("plain");
  await signUpByPassword(app, stack, person);
  await signOut(app);
  fails(await app.signIn({ username: person.email, password: person.password, claims: claimsFor("admin") }), "SignInError", "isRedirectRequired");
  reaches(await app.signIn({ username: person.email, password: person.password, claims: claimsFor("transfer") }), "MfaAwaitingState", "isMfaRequired");
  const { email } = await offered(app);
  reaches(await app.next("requestChallenge", email.id), "MfaVerificationRequiredState");
  reaches(await app.next("submitChallenge", await stack.code(person.email)), "MfaCompletedState");
  assert.equal((await call(stack, "/transfer", (await app.getAccessToken()).tokens.accessToken)).status, 200);
});

same("a token that is not ours, or was changed, or is of another kind opens nothing", async ({ app, stack, person }) => {
  await app.open("plain");
  await signUpByPassword(app, stack, person);
  const { accessToken, idToken } = (await app.getAccessToken()).tokens;
  const [head, payload] = accessToken.split(".");
  const none = Buffer.from(JSON.stringify({ alg: "none", typ: "at+jwt" })).toString("base64url");
  for (const bad of [idToken, `${head}.${payload}.`, `${none}.${payload}.`, `${accessToken.slice(0, -6)}AAAAAA`, "nonsense"]) {
    assert.equal((await call(stack, "/", bad)).status, 401);
  }
  assert.equal((await app.raw("oauth2/v2.0/token", { grant_type: "refresh_token", refresh_token: accessToken, client_info: "1" })).status, 400);
});

both("sign out forgets everything here and calls nobody", async ({ app, stack, person }) => {
  await app.open("plain");
  await signUpByPassword(app, stack, person);
  app.calls();
  await signOut(app);
  assert.deepEqual(app.calls(), []);
  fails(await app.cached(), "GetAccountError", "isCurrentAccountNotFound");
});
