// Another code, wherever the SDK can ask for one. People have to wait for it, so all
// flows of both origins wait together.
import assert from "node:assert/strict";
import { describe } from "node:test";
import { nativeJourneys } from "./lib/native.mjs";
import { addPhone, fails, offered, reaches, signOut, signUpByCode, signUpByPassword } from "./lib/native-steps.mjs";
import { until } from "./lib/process.mjs";

const { both } = nativeJourneys();

describe("another code", { concurrency: 2 }, () => {
  both("comes with a state of its own, and the one before is dead", async ({ app, stack, person, newPerson }) => {
    const [newcomer, coder] = [newPerson(), newPerson()];
    await app.open("phone");
    await signUpByPassword(app, stack, person);
    await addPhone(app, stack, person);
    await signOut(app);
    await app.open("plain", { challengeTypes: ["oob"] });
    await signUpByCode(app, stack, coder);
    await signOut(app);

    const flows = [];
    const waiting = async (name, resend, submit, error, done, to) => {
      await app.keep(name);
      flows.push({ name, resend, submit, error, done, to, first: await stack.code(to), before: (await stack.messages(to)).length });
    };
    await app.signUp({ username: newcomer.email, attributes: { displayName: "Dana" } });
    await waiting("signUp", ["resendCode"], "submitCode", "SignUpSubmitCodeError", "SignUpCompletedState", newcomer.email);
    await app.resetPassword({ username: person.email });
    await waiting("reset", ["resendCode"], "submitCode", "ResetPasswordSubmitCodeError", "ResetPasswordPasswordRequiredState", person.email);
    await app.open("twofold");
    reaches(await app.signIn({ username: person.email, password: person.password }), "MfaAwaitingState");
    const { sms } = await offered(app);
    await app.next("requestChallenge", sms.id);
    await waiting("second", ["requestChallenge", sms.id], "submitChallenge", "MfaSubmitChallengeError", "MfaCompletedState", person.e164);
    await app.open("plain", { challengeTypes: ["oob"] });
    await app.signIn({ username: coder.email });
    await waiting("signIn", ["resendCode"], "submitCode", "SignInSubmitCodeError", "SignInCompletedState", coder.email);

    for (const { name, resend, to, before } of flows) {
      const early = await app.from(name, ...resend);
      assert.equal(early.error, undefined, `${name}: too soon, so the code that is on its way will do`);
      assert.equal((await stack.messages(to)).length, before, `${name}: nothing was sent`);
    }
    for (const { name, resend, submit, error, done, to, first, before } of flows) {
      const again = await until(`another code of ${name}`, async () => {
        const seen = await app.from(name, ...resend);
        await new Promise((resolve) => setTimeout(resolve, 200));
        return (await stack.messages(to)).length > before ? seen : undefined;
      });
      assert.ok(again.is.includes("isCodeRequired") || again.is.includes("isVerificationRequired"), `${name}: ${again.is}`);
      const second = await stack.code(to);
      if (second !== first) fails(await app.next(submit, first), error, submit === "submitCode" ? "isInvalidCode" : "isIncorrectChallenge");
      reaches(await app.next(submit, second), done);
      if (done === "SignInCompletedState" || done === "MfaCompletedState") await signOut(app);
    }
  });
});
