// Signing up and in with Microsoft's SDK as published, with nothing but what it promises
// to applications: result classes, states and predicates.
import assert from "node:assert/strict";
import { verifier } from "../../examples/verify-node/verify.mjs";
import { clients, nativeJourneys } from "./lib/native.mjs";
import { fails, reaches, signOut, signUpByCode, signUpByPassword, wrong } from "./lib/native-steps.mjs";

const { both, same, tenant } = nativeJourneys();

both("sign up by code: a wrong code and missing attributes are put right with the same state", async ({ app, stack, person }) => {
  await app.open("plain", { challengeTypes: ["oob"] });
  assert.deepEqual(app.calls(), [], "starting asks the server nothing");
  reaches(await app.signUp({ username: person.email }), "SignUpCodeRequiredState", "isCodeRequired");
  assert.equal(await app.state("getCodeLength"), 6);
  assert.ok(await app.state("getCodeResendInterval") >= 10);

  const code = await stack.code(person.email);
  fails(await app.next("submitCode", "12345"), "SignUpSubmitCodeError", "isInvalidCode");
  fails(await app.next("submitCode", wrong(code)), "SignUpSubmitCodeError", "isInvalidCode");
  reaches(await app.next("submitCode", code), "SignUpAttributesRequiredState", "isAttributesRequired");
  assert.deepEqual(await app.state("getRequiredAttributes"), [{ name: "displayName", type: "string", required: true }]);
  fails(await app.next("submitAttributes", { displayName: " " }), "SignUpSubmitAttributesError", "isMissingRequiredAttributes");
  fails(await app.next("submitAttributes", { displayName: "Dana", loyaltyNumber: "many" }), "SignUpSubmitAttributesError", "isAttributesValidationFailed");
  reaches(await app.next("submitAttributes", { displayName: "Dana Wren" }), "SignUpCompletedState", "isCompleted");

  reaches(await app.next("signIn"), "SignInCompletedState", "isCompleted");
  const claims = await app.account("getClaims");
  assert.equal(claims.email, person.email);
  assert.equal(claims.preferred_username, person.email);
  assert.equal(claims.name, "Dana Wren");
  assert.equal(claims.aud, clients.plain);
  assert.deepEqual(app.calls(), ["signup/v1.0/start", "signup/v1.0/challenge", "signup/v1.0/continue", "signup/v1.0/continue", "signup/v1.0/continue", "signup/v1.0/continue", "signup/v1.0/continue", "oauth2/v2.0/token"]);
});

both("sign up by password and attributes, and sign in with the password", async ({ app, stack, person }) => {
  await app.open("plain");
  fails(await app.signUp({ username: person.email, password: "short" }), "SignUpError", "isInvalidPassword");
  fails(await app.signUp({ username: person.email, password: person.password, attributes: { displayName: "Dana", loyaltyNumber: "x" } }), "SignUpError", "isAttributesValidationFailed");
  fails(await app.signUp({ username: "nobody at all" }), "SignUpError", "isInvalidUsername");
  reaches(await signUpByPassword(app, stack, person), "SignInCompletedState", "isCompleted");
  const { sub } = await app.account("getClaims");
  await signOut(app);

  app.calls();
  reaches(await app.signIn({ username: person.email }), "SignInPasswordRequiredState", "isPasswordRequired");
  fails(await app.next("submitPassword", "not the password at all"), "SignInSubmitPasswordError", "isInvalidPassword");
  reaches(await app.next("submitPassword", person.password), "SignInCompletedState", "isCompleted");
  assert.equal((await app.account("getClaims")).sub, sub);
  assert.deepEqual(app.calls(), ["oauth2/v2.0/initiate", "oauth2/v2.0/challenge", "oauth2/v2.0/token", "oauth2/v2.0/token"]);
  await signOut(app);

  fails(await app.signIn({ username: person.email, password: "not the password at all" }), "SignInError", "isPasswordIncorrect");
  reaches(await app.signIn({ username: person.email, password: person.password }), "SignInCompletedState", "isCompleted");
});

both("sign up: what was not given at the start is asked for after the code, password first", async ({ app, stack, person }) => {
  await app.open("plain");
  reaches(await app.signUp({ username: person.email }), "SignUpCodeRequiredState");
  reaches(await app.next("submitCode", await stack.code(person.email)), "SignUpPasswordRequiredState", "isPasswordRequired");
  fails(await app.next("submitPassword", "short"), "SignUpSubmitPasswordError", "isInvalidPassword");
  fails(await app.next("submitPassword", "aaaaaaaaaaaaaaaaaaaa"), "SignUpSubmitPasswordError", "isInvalidPassword");
  reaches(await app.next("submitPassword", person.password), "SignUpAttributesRequiredState", "isAttributesRequired");
  reaches(await app.next("submitAttributes", { displayName: "Dana Wren", loyaltyNumber: "42" }), "SignUpCompletedState");
  reaches(await app.next("signIn"), "SignInCompletedState");
});

both("sign in by code: the same state takes the right code after a wrong one, and no code works twice", async ({ app, stack, person }) => {
  await app.open("plain", { challengeTypes: ["oob"] });
  reaches(await signUpByCode(app, stack, person), "SignInCompletedState");
  fails(await app.signIn({ username: person.email }), "SignInError"); // the SDK knows one person at a time
  await signOut(app);

  app.calls();
  reaches(await app.signIn({ username: person.email }), "SignInCodeRequiredState", "isCodeRequired");
  await app.keep("asked");
  const code = await stack.code(person.email);
  fails(await app.next("submitCode", wrong(code)), "SignInSubmitCodeError", "isInvalidCode");
  reaches(await app.next("submitCode", code), "SignInCompletedState", "isCompleted");
  assert.deepEqual(app.calls(), ["oauth2/v2.0/initiate", "oauth2/v2.0/challenge", "oauth2/v2.0/token", "oauth2/v2.0/token"]);
  await signOut(app);
  const again = await app.from("asked", "submitCode", code);
  assert.equal(again.error?.kind, "SignInSubmitCodeError", "the flow is over");
});

both("what the client may not learn it is not told, and what it may it is", async ({ app, stack, person, newPerson }) => {
  await app.open("plain");
  const stranger = newPerson();
  reaches(await app.signUp({ username: person.email, password: person.password, attributes: { displayName: "Dana" } }), "SignUpCodeRequiredState");
  reaches(await app.next("submitCode", await stack.code(person.email)), "SignUpCompletedState");
  const known = await app.signIn({ username: person.email });
  const unknown = await app.signIn({ username: stranger.email });
  assert.equal(unknown.error, undefined, "a stranger is walked along");
  assert.ok(["SignInCodeRequiredState", "SignInPasswordRequiredState"].includes(unknown.state));
  assert.equal(known.error, undefined);
  reaches(await app.resetPassword({ username: stranger.email }), "ResetPasswordCodeRequiredState");
  reaches(await app.signUp({ username: person.email, password: person.password, attributes: { displayName: "Eve" } }), "SignUpCodeRequiredState");

  await app.open("reveal");
  fails(await app.signIn({ username: stranger.email }), "SignInError", "isUserNotFound");
  fails(await app.resetPassword({ username: stranger.email }), "ResetPasswordError", "isUserNotFound");
  fails(await app.signUp({ username: person.email }), "SignUpError", "isUserAlreadyExists");
});

both("an app that cannot do what is needed is sent to the browser", async ({ app, stack, person }) => {
  await app.open("plain", { challengeTypes: ["oob"] });
  await signUpByCode(app, stack, person);
  await signOut(app);
  await app.open("reveal", { challengeTypes: ["password"] });
  fails(await app.signIn({ username: person.email }), "SignInError", "isRedirectRequired");
  await app.open("plain", { challengeTypes: ["password"] });
  reaches(await app.signIn({ username: person.email }), "SignInPasswordRequiredState"); // who may not know is told nothing
  fails(await app.signUp({ username: person.email }), "SignUpError", "isRedirectRequired");

  await app.open("twofold", { challengeTypes: ["oob"], capabilities: [] });
  reaches(await app.signIn({ username: person.email }), "SignInCodeRequiredState");
  fails(await app.next("submitCode", await stack.code(person.email)), "SignInSubmitCodeError", "isRedirectRequired");
});

same("the tokens verify by discovery with a library of somebody else", async ({ app, stack, person }) => {
  await app.open("plain");
  await signUpByPassword(app, stack, person);
  const { tokens } = await app.getAccessToken();
  assert.ok(tokens.fromCache, "the first answer's scopes are what the SDK looks for");
  const issuer = `${stack.origin}/.auth`;
  const access = await (await verifier(issuer, stack.origin)).accessToken(tokens.accessToken);
  const id = await (await verifier(issuer, clients.plain)).idToken(await app.account("getIdToken"));
  assert.deepEqual([access.sub, access.client_id, id.email], [id.sub, clients.plain, person.email]);
});

tenant("an API on a path of its own is what the SDK calls", async ({ app, stack, person }) => {
  await app.open("plain", { challengeTypes: ["oob"] });
  reaches(await signUpByCode(app, stack, person), "SignInCompletedState");
});
