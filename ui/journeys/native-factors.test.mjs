// Second factors, registration and reset with Microsoft's SDK as published.
import assert from "node:assert/strict";
import { nativeJourneys } from "./lib/native.mjs";
import { addPhone, fails, offered, reaches, signOut, signUpByCode, signUpByPassword, wrong } from "./lib/native-steps.mjs";

const { both } = nativeJourneys();

// An account with a password and a phone, signed out.
async function wholeAccount(app, stack, person) {
  await app.open("phone");
  reaches(await signUpByPassword(app, stack, person), "AuthMethodRegistrationRequiredState", "isAuthMethodRegistrationRequired");
  await addPhone(app, stack, person);
  await signOut(app);
  app.calls();
}

both("a second factor by text message, after a look at the other way", async ({ app, stack, person }) => {
  await wholeAccount(app, stack, person);
  await app.open("twofold");
  const before = (await stack.messages(person.e164)).length;
  reaches(await app.signIn({ username: person.email, password: person.password }), "MfaAwaitingState", "isMfaRequired");
  assert.equal((await stack.messages(person.e164)).length, before, "nothing is sent unasked");
  await app.keep("awaiting");
  const { email, sms } = await offered(app);
  assert.match(sms.login_hint, new RegExp(`^\\D*${person.e164.slice(-2)}$`), "two digits of the number are shown");
  assert.ok(email.login_hint.includes("@") && email.login_hint !== person.email, `${email.login_hint} is masked`);

  reaches(await app.next("requestChallenge", email.id), "MfaVerificationRequiredState", "isVerificationRequired");
  assert.equal(await app.state("getChannel"), "email");
  const byMail = await stack.code(person.email);
  reaches(await app.from("awaiting", "requestChallenge", sms.id), "MfaVerificationRequiredState");
  assert.deepEqual([await app.state("getChannel"), await app.state("getCodeLength")], ["sms", 6]);
  const byText = await stack.code(person.e164);
  if (byMail !== byText) fails(await app.next("submitChallenge", byMail), "MfaSubmitChallengeError", "isIncorrectChallenge");
  reaches(await app.next("submitChallenge", byText), "MfaCompletedState", "isCompleted");
  const claims = await app.account("getClaims");
  assert.equal(claims.acr, "urn:stepgate:acr:2");
  assert.ok(claims.factors, "each factor with its time");
  assert.deepEqual(app.calls(), ["initiate", "challenge", "token", "introspect", "challenge", "challenge", "token", "token"]
    .slice(0, byMail === byText ? 7 : 8).map((name) => `oauth2/v2.0/${name}`));
});

both("a second factor by e-mail, with a wrong code first", async ({ app, stack, person }) => {
  await wholeAccount(app, stack, person);
  await app.open("twofold");
  reaches(await app.signIn({ username: person.email }), "SignInPasswordRequiredState");
  reaches(await app.next("submitPassword", person.password), "MfaAwaitingState", "isMfaRequired");
  const { email } = await offered(app);
  reaches(await app.next("requestChallenge", email.id), "MfaVerificationRequiredState");
  const code = await stack.code(person.email);
  fails(await app.next("submitChallenge", wrong(code)), "MfaSubmitChallengeError", "isIncorrectChallenge");
  reaches(await app.next("submitChallenge", code), "MfaCompletedState", "isCompleted");
});

both("a code by mail first leaves only the phone as the second", async ({ app, stack, person }) => {
  await wholeAccount(app, stack, person);
  await app.open("twofold", { challengeTypes: ["oob"] });
  reaches(await app.signIn({ username: person.email }), "SignInCodeRequiredState");
  reaches(await app.next("submitCode", await stack.code(person.email)), "MfaAwaitingState", "isMfaRequired");
  const methods = await offered(app);
  assert.deepEqual(Object.keys(methods), ["sms"]);
  reaches(await app.next("requestChallenge", methods.sms.id), "MfaVerificationRequiredState");
  reaches(await app.next("submitChallenge", await stack.code(person.e164)), "MfaCompletedState");
});

both("registration of a phone: a bad number, a wrong code, then signed in; from then on it is asked for", async ({ app, stack, person }) => {
  await app.open("twofold", { challengeTypes: ["oob"] });
  reaches(await signUpByCode(app, stack, person), "AuthMethodRegistrationRequiredState", "isAuthMethodRegistrationRequired");
  await app.keep("required");
  const { email, sms } = await offered(app);
  assert.equal(email, undefined, "the mailbox is the first factor already");
  fails(await app.next("challengeAuthMethod", { authMethodType: sms, verificationContact: "12" }), "AuthMethodRegistrationChallengeMethodError", "isInvalidInput");
  reaches(await app.next("challengeAuthMethod", { authMethodType: sms, verificationContact: person.phone }), "AuthMethodVerificationRequiredState", "isVerificationRequired");
  assert.deepEqual([await app.state("getChannel"), await app.state("getSentTo"), await app.state("getCodeLength")], ["sms", person.phone, 6]);
  const code = await stack.code(person.e164);
  fails(await app.next("submitChallenge", wrong(code)), "AuthMethodRegistrationSubmitChallengeError", "isIncorrectChallenge");
  reaches(await app.next("submitChallenge", code), "AuthMethodRegistrationCompletedState", "isCompleted");
  assert.equal((await app.account("getClaims")).acr, "urn:stepgate:acr:2");
  assert.deepEqual(app.calls().slice(-6), ["register/v1.0/introspect", "register/v1.0/challenge", "register/v1.0/challenge", "register/v1.0/continue", "register/v1.0/continue", "oauth2/v2.0/token"]);
  await signOut(app);

  reaches(await app.signIn({ username: person.email }), "SignInCodeRequiredState");
  reaches(await app.next("submitCode", await stack.code(person.email)), "MfaAwaitingState", "isMfaRequired");
  assert.deepEqual(Object.keys(await offered(app)), ["sms"]);
});

both("registration of the mailbox that the sign-up has just proved needs no second message", async ({ app, stack, person }) => {
  await app.open("twofold");
  reaches(await signUpByPassword(app, stack, person), "AuthMethodRegistrationRequiredState", "isAuthMethodRegistrationRequired");
  const sent = (await stack.messages(person.email)).length;
  const { email } = await offered(app);
  assert.equal(email.login_hint, person.email);
  app.calls();
  reaches(await app.next("challengeAuthMethod", { authMethodType: email, verificationContact: email.login_hint }), "AuthMethodRegistrationCompletedState", "isCompleted");
  assert.deepEqual(app.calls(), ["register/v1.0/challenge", "register/v1.0/continue", "oauth2/v2.0/token"]);
  assert.equal((await stack.messages(person.email)).length, sent);
  await signOut(app);
  reaches(await app.signIn({ username: person.email, password: person.password }), "MfaAwaitingState", "isMfaRequired");
});

both("reset of a password still owes the second factor, and the mailbox is none", async ({ app, stack, person }) => {
  await wholeAccount(app, stack, person);
  await app.open("twofold");
  const password = "another four plain words";
  reaches(await app.resetPassword({ username: person.email }), "ResetPasswordCodeRequiredState", "isCodeRequired");
  assert.equal(await app.state("getCodeLength"), 6);
  const code = await stack.code(person.email);
  fails(await app.next("submitCode", wrong(code)), "ResetPasswordSubmitCodeError", "isInvalidCode");
  reaches(await app.next("submitCode", code), "ResetPasswordPasswordRequiredState", "isPasswordRequired");
  fails(await app.next("submitNewPassword", "short"), "ResetPasswordSubmitPasswordError", "isInvalidPassword");
  reaches(await app.next("submitNewPassword", password), "ResetPasswordCompletedState", "isCompleted");
  reaches(await app.next("signIn"), "MfaAwaitingState", "isMfaRequired");
  const methods = await offered(app);
  assert.deepEqual(Object.keys(methods), ["sms"], "whoever holds only the mailbox is not two factors");
  reaches(await app.next("requestChallenge", methods.sms.id), "MfaVerificationRequiredState");
  reaches(await app.next("submitChallenge", await stack.code(person.e164)), "MfaCompletedState", "isCompleted");
  assert.deepEqual(app.calls(), ["resetpassword/v1.0/start", "resetpassword/v1.0/challenge", "resetpassword/v1.0/continue", "resetpassword/v1.0/continue",
    "resetpassword/v1.0/submit", "resetpassword/v1.0/submit", "resetpassword/v1.0/poll_completion",
    "oauth2/v2.0/token", "oauth2/v2.0/introspect", "oauth2/v2.0/challenge", "oauth2/v2.0/token"]);
  await signOut(app);

  await app.open("plain");
  fails(await app.signIn({ username: person.email, password: person.password }), "SignInError", "isPasswordIncorrect");
  reaches(await app.signIn({ username: person.email, password }), "SignInCompletedState", "isCompleted");
});

both("a phone account cannot do without its phone", async ({ app, stack, person }) => {
  await wholeAccount(app, stack, person);
  await app.open("phone");
  reaches(await app.signIn({ username: person.email, password: person.password }), "MfaAwaitingState");
  assert.deepEqual(Object.keys(await offered(app)), ["sms"]);
});

both("who has nothing but the mailbox cannot be two factors right after a reset", async ({ app, stack, person }) => {
  await app.open("plain");
  await signUpByPassword(app, stack, person);
  await signOut(app);
  await app.open("twofold");
  reaches(await app.resetPassword({ username: person.email }), "ResetPasswordCodeRequiredState");
  reaches(await app.next("submitCode", await stack.code(person.email)), "ResetPasswordPasswordRequiredState");
  reaches(await app.next("submitNewPassword", "another four plain words"), "ResetPasswordCompletedState");
  const seen = await app.next("signIn");
  fails(seen, "SignInError");
  assert.equal(seen.error.error, "access_denied");
});
