// An app that signs people up and in on its own screens, with MSAL's native
// authentication and a Stepgate behind it. The SDK answers every call with a state that
// says what it waits for; this file knows the screen for each.
import { api, authority, clientId, pages } from "./config.js";
import { explain, explainStart, refusedByPolicy } from "./errors.js";
import { callPage, claimsFor } from "./pages.js";
import { button, complain, element, field, settle, show, tell } from "./screens.js";
import { listen } from "./wire.js";

listen();

/** What the person has begun: the address, and the claims that a page asked for. */
let flow = {};
let ways;

async function begin() {
  let sdk;
  try {
    sdk = await import("@azure/msal-browser/custom-auth");
  } catch (error) {
    return present("no-library", { words: { reason: String(error) } });
  }
  try {
    ways = await start(sdk);
    await home();
  } catch (error) {
    present("no-start", { words: explainStart(error) });
  }
}

// One app, two ways in. An app that cannot ask for passwords is offered codes, so this
// one is made twice; both share one cache of tokens.
async function start({ CustomAuthPublicClientApplication }) {
  const create = (...challengeTypes) => CustomAuthPublicClientApplication.create({
    auth: { clientId, authority },
    customAuth: { authApiProxyUrl: api, challengeTypes, capabilities: ["mfa_required", "registration_required"] },
  });
  return { usual: await create("password", "oob"), code: await create("oob") };
}

async function home() {
  const account = ways.usual.getCurrentAccount().data;
  if (account) await signedIn(account);
  else go("sign-in");
}

// The browser's Back leads to the start of the app: a screen in the middle of a flow cannot
// be returned to, since the SDK's state behind it is spent. So there is one entry for the
// start and one for all else; an entry without a state is the skip link's.
history.replaceState({ at: "start" }, "");
addEventListener("popstate", ({ state }) => { if (state && ways) home(); });

function present(name, options) {
  const first = !ways || name === "sign-in" || name === "signed-in";
  if (!first && history.state?.at !== "inside") history.pushState({ at: "inside" }, "");
  const heading = show(name, options);
  if (flow.page) {
    document.querySelector("main form, main .stack")?.before(element("p", { className: "note care" }, "You are signed out until this is done."));
  }
  settle(heading);
}

function go(name) {
  const typed = document.querySelector("main input[type=email]")?.value.trim();
  const email = typed || flow.email;
  flow = name === "reset" ? { ...flow, email } : { email };
  present(name, { words: { email }, actions: { go, signIn, signUp, reset } });
}

// ---- The ways to begin

async function signIn({ email, way }) {
  flow.email = email.trim();
  await proceed(await ways[way].signIn({ username: flow.email, claims: flow.claims }));
}

async function signUp({ email, way, password, displayName }) {
  flow = { email: email.trim() };
  const attributes = way === "usual" ? { displayName: displayName.trim() } : undefined;
  await proceed(await ways[way].signUp({ username: flow.email, password, attributes }));
}

async function reset({ email }) {
  flow.email = email.trim();
  await proceed(await ways.usual.resetPassword({ username: flow.email }));
}

// ---- What comes next

// Every answer of the SDK comes through here. A failed one changes nothing: the person
// corrects what is on the screen, and the same state object is asked again.
async function proceed(result, otherwise) {
  if (result.isFailed()) return failed(result.error, otherwise);
  const { state } = result;
  const next = screens[state.stateType];
  if (!next) throw new Error(`There is no screen for ${state.stateType}.`);
  await next(state, result.data);
}

// otherwise shows the screen to complain on, where that is not the one there is.
function failed(error, otherwise) {
  if (error.isRedirectRequired?.()) {
    present("browser", { words: { reason: error.errorData.redirectReason ?? "" }, actions: { go } });
    // The gateway asks there for all that the page needs.
    if (flow.page) document.querySelector("main a.btn").href = flow.page.path;
  } else if (refusedByPolicy(error)) {
    present("denied", { words: { reason: error.errorData.errorDescription }, actions: { go } });
  } else {
    otherwise?.();
    complain(explain(error));
  }
}

const screens = {
  SignInPasswordRequiredState: (state) => {
    present("password", {
      words: flow,
      actions: { go, givePassword: async ({ password }) => proceed(await state.submitPassword(password)) },
    });
  },
  SignInCodeRequiredState: askCode,
  SignUpCodeRequiredState: askCode,
  ResetPasswordCodeRequiredState: askCode,
  SignUpPasswordRequiredState: (state) => askNewPassword((password) => state.submitPassword(password)),
  ResetPasswordPasswordRequiredState: (state) => askNewPassword((password) => state.submitNewPassword(password)),
  SignUpAttributesRequiredState: askAttributes,
  // The account is made, or the password changed. Signing in goes on from there, and
  // may ask for a second check like any other sign-in.
  SignUpCompletedState: goOn,
  ResetPasswordCompletedState: goOn,
  MfaAwaitingState: chooseMethod,
  AuthMethodRegistrationRequiredState: addMethod,
  SignInCompletedState: (_, account) => signedIn(account),
  MfaCompletedState: (_, account) => signedIn(account),
  AuthMethodRegistrationCompletedState: (_, account) => signedIn(account),
};

async function goOn(state) {
  await proceed(await state.signIn({ claims: flow.claims }));
}

// All codes are asked for on one screen. It holds the newest state: a new code comes with
// a state of its own, and a wrong one leaves the state as it was.
function askCode(state, { sentTo = flow.email, resend = () => state.resendCode(), submit = (now, code) => now.submitCode(code), other } = {}) {
  present("code", {
    words: { sentTo, digits: String(state.getCodeLength()) },
    shown: { other },
    actions: {
      go,
      other,
      giveCode: async ({ code }) => proceed(await submit(state, code.replace(/\s/g, ""))),
      resend: async () => {
        const result = await resend(state);
        if (result.isFailed()) return failed(result.error);
        state = result.state;
        tell("A code is on its way. It may take a minute, and the newest one counts.");
      },
    },
  });
}

function askNewPassword(submit) {
  present("new-password", { words: flow, actions: { giveNewPassword: async ({ password }) => proceed(await submit(password)) } });
}

const labels = { displayName: "Name", givenName: "First name", surname: "Last name", jobTitle: "Job title", city: "City" };

function askAttributes(state) {
  const fields = state.getRequiredAttributes().map(({ name, required }) => field({ name, required, label: labels[name] ?? name }));
  present("attributes", {
    lists: { attributes: fields },
    actions: { giveAttributes: async (values) => proceed(await state.submitAttributes(values)) },
  });
}

// ---- The second check

function chooseMethod(awaiting) {
  const methods = awaiting.getAuthMethods();
  const ask = (id) => async () => {
    const result = await awaiting.requestChallenge(id);
    if (result.isFailed()) return proceed(result);
    askCode(result.state, {
      sentTo: result.state.getSentTo(),
      submit: (now, code) => now.submitChallenge(code),
      resend: (now) => now.requestChallenge(id),
      other: methods.length > 1 ? () => chooseMethod(awaiting) : undefined,
    });
  };
  present("choose", {
    lists: { methods: methods.map((method) => button(`${method.challenge_channel === "sms" ? "Text" : "Email"} ${method.login_hint ?? "me"}`, ask(method.id))) },
    actions: { go },
  });
}

function addMethod(state) {
  const [sms, email] = ["sms", "email"].map((channel) => state.getAuthMethods().find((method) => method.challenge_channel === channel));
  const add = async (authMethodType, verificationContact) => {
    const details = { authMethodType, verificationContact };
    const result = await state.challengeAuthMethod(details);
    if (result.isFailed() || result.isCompleted()) return proceed(result); // proved earlier in this flow: nothing is sent
    askCode(result.state, {
      sentTo: result.state.getSentTo(),
      submit: (now, code) => now.submitChallenge(code),
      resend: (now) => now.challengeAuthMethod(details),
      other: () => addMethod(state),
    });
  };
  present("register", {
    shown: { sms, email, both: sms && email },
    words: { hint: email?.login_hint },
    actions: { go, addPhone: ({ phone }) => add(sms, phone.trim()), addEmail: () => add(email, email.login_hint) },
  });
}

// ---- Signed in

const factors = { password: "password", email_code: "mailbox", sms_code: "phone" };
const clock = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

async function signedIn(account, { refreshed = "" } = {}) {
  const token = await account.getAccessToken({ forceRefresh: false });
  if (token.isFailed()) {
    flow = { email: account.getClaims()?.preferred_username };
    await account.signOut();
    go("sign-in");
    return complain(explain(token.error));
  }
  const claims = account.getClaims();
  const proofs = Object.entries(claims.factors ?? {}).map(([factor, at]) => `${factors[factor] ?? factor} at ${clock(new Date(at * 1000))}`);
  present("signed-in", {
    words: {
      name: claims.name || claims.preferred_username,
      email: claims.email ?? claims.preferred_username,
      acr: claims.acr?.endsWith(":2") ? `two ways (${claims.acr})` : `one way (${claims.acr ?? "not said"})`,
      proofs: proofs.join(", ") || (claims.amr ?? []).join(", "),
      expires: `until ${clock(token.data.expiresOn)}`,
      refreshed,
    },
    lists: { pages: pages.map((page) => row(page, account)) },
    actions: { refresh: () => refresh(account), signOut: () => signOut(account) },
  });
  const wanted = flow.page;
  flow = {};
  if (wanted) await call(wanted, account);
}

function row(page, account) {
  const what = element("span", {}, page.name, element("span", { className: "small" }, `needs ${page.needs}`));
  const open = button("Fetch", () => call(page, account));
  open.setAttribute("aria-label", `Fetch ${page.name}`);
  return element("li", {}, what, open);
}

async function call(page, account) {
  const token = await account.getAccessToken({ forceRefresh: false });
  if (token.isFailed()) return complain(explain(token.error));
  const answer = await callPage(page.path, token.data.accessToken);
  const box = element("div", { className: `note ${answer.status === 200 ? "good" : "care"}` });
  if (answer.status === 200) {
    box.append(element("p", {}, element("b", {}, `${answer.status} ${answer.title}`), ` for ${answer.person}`));
  } else {
    box.append(element("p", {}, element("b", {}, `${answer.status} ${page.name} is closed. `), answer.reason || "The page was refused."));
    if (answer.challenge) box.append(element("pre", {}, element("code", {}, `WWW-Authenticate: ${answer.challenge}`)));
    if (answer.more) box.append(button("Confirm it’s me", () => stepUp(page, account, answer.contexts), "btn"));
    else box.append(element("p", {}, "Sign out and in again; the sign-in may have ended elsewhere."));
  }
  document.getElementById("answer").replaceChildren(box);
}

// The proof may have been given in the meantime, so a refresh with the claims is tried
// first. If that is refused, the person signs in again with them: the SDK signs in one
// person at a time, so the old sign-in is forgotten before.
async function stepUp(page, account, contexts) {
  const claims = claimsFor(contexts[0]);
  const enough = await account.getAccessToken({ forceRefresh: true, claims });
  if (!enough.isFailed()) return call(page, account);
  const email = account.getClaims().preferred_username;
  await account.signOut();
  flow = { email, claims, page };
  await proceed(await ways.usual.signIn({ username: email, claims }), () => go("sign-in"));
}

async function refresh(account) {
  const result = await account.getAccessToken({ forceRefresh: true });
  if (result.isFailed()) return complain(explain(result.error));
  await signedIn(ways.usual.getCurrentAccount().data, { refreshed: `Refreshed at ${clock(new Date())}. The old refresh token is spent.` });
}

async function signOut(account) {
  const result = await account.signOut();
  if (result.isFailed()) return complain(explain(result.error));
  go("sign-in");
  tell("You are signed out here. The SDK forgets its tokens and tells the server nothing.");
}

begin();
