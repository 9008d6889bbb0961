// What an application does with the SDK, in the order in which people do it.
import assert from "node:assert/strict";

/** The answer leads to this state, and says so by its predicate. */
export function reaches(seen, state, predicate) {
  assert.deepEqual({ state: seen.state, error: seen.error }, { state, error: undefined });
  if (predicate) assert.ok(seen.is.includes(predicate), `${seen.result} says ${seen.is}, not ${predicate}`);
}

/** The answer is an error of this class, of which the predicates hold and no others. */
export function fails(seen, kind, ...predicates) {
  assert.ok(seen.error, `it failed with ${kind}, but led to ${seen.state}`);
  assert.deepEqual({ kind: seen.error.kind, is: seen.error.is }, { kind, is: predicates.sort() }, JSON.stringify(seen.error));
  assert.ok(seen.is.includes("isFailed"));
  assert.match(seen.error.correlationId, /^[0-9a-f-]{36}$/, "an error can be found again");
}

/** A code of the right length that is not this one. */
export const wrong = (code) => code.replace(/.$/, (digit) => (Number(digit) + 1) % 10);

const attributes = { displayName: "Dana Wren" };

/** From nothing to an account without a password, signed in. */
export async function signUpByCode(app, stack, person) {
  reaches(await app.signUp({ username: person.email, attributes }), "SignUpCodeRequiredState", "isCodeRequired");
  reaches(await app.next("submitCode", await stack.code(person.email)), "SignUpCompletedState", "isCompleted");
  return app.next("signIn");
}

/** From nothing to an account with a password, signed in. */
export async function signUpByPassword(app, stack, person) {
  reaches(await app.signUp({ username: person.email, password: person.password, attributes }), "SignUpCodeRequiredState");
  reaches(await app.next("submitCode", await stack.code(person.email)), "SignUpCompletedState", "isCompleted");
  return app.next("signIn");
}

/** Adds a phone where a sign-in asks for it; ends signed in. */
export async function addPhone(app, stack, person) {
  const sms = (await app.state("getAuthMethods")).find((method) => method.challenge_channel === "sms");
  reaches(await app.next("challengeAuthMethod", { authMethodType: sms, verificationContact: person.phone }), "AuthMethodVerificationRequiredState", "isVerificationRequired");
  reaches(await app.next("submitChallenge", await stack.code(person.e164)), "AuthMethodRegistrationCompletedState", "isCompleted");
}

export async function signOut(app) {
  const seen = await app.signOut();
  assert.deepEqual([seen.is, seen.error], [["isCompleted"], undefined]);
}

/** The methods that a second check offers, by channel. */
export async function offered(app) {
  const methods = await app.state("getAuthMethods");
  return Object.fromEntries(methods.map((method) => [method.challenge_channel, method]));
}
