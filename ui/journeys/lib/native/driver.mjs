// Runs in the page: calls the SDK as an application does, and tells what came back in
// words that cross into the test. Objects of the SDK stay here.
import * as msal from "@azure/msal-browser/custom-auth";

const held = {}; // app, state, account, and states kept by name

globalThis.native = {
  async open(config) {
    held.app = await msal.CustomAuthPublicClientApplication.create(config);
    delete held.state;
  },

  /** Calls held[on][method](...args). A failed answer leaves the state as it was. */
  async call(on, method, args) {
    const result = await held[on][method](...args);
    if (result.error === undefined) {
      held.state = result.state;
      if (result.data instanceof msal.CustomAuthAccountData) held.account = result.data;
    }
    return told(result);
  },

  keep(name) { held[name] = held.state; },

  /** What the account's getter says. */
  account: (getter) => held.account[getter](),

  /** What the state's getter says. */
  state: (getter) => held.state[getter](),

  cached: () => told(held.app.getCurrentAccount()),
};

function told(result) {
  const seen = { result: result.constructor.name, state: kind(result.state), is: yes(result) };
  if (result.error) {
    const { error, subError, errorCodes, errorDescription, correlationId } = result.error.errorData;
    seen.error = { kind: kind(result.error), is: yes(result.error), error, subError, errorCodes, errorDescription, correlationId };
  }
  if (result.data?.accessToken) {
    const { accessToken, idToken, expiresOn, scopes, fromCache } = result.data;
    seen.tokens = { accessToken, idToken, expiresOn: Number(expiresOn), scopes, fromCache };
  }
  return seen;
}

// The name of a class of the SDK, if it is the very class that the package exports.
const kind = (object) => {
  const { name } = object.constructor;
  return msal[name] === object.constructor || msal[name] === undefined ? name : `another ${name}`;
};

// The predicates (isFailed, isInvalidCode, …) that hold.
function yes(object) {
  const names = new Set();
  for (let p = object; p && p !== Object.prototype; p = Object.getPrototypeOf(p)) {
    for (const name of Object.getOwnPropertyNames(p)) {
      if (/^is[A-Z]/.test(name) && !name.endsWith("Error") && object[name].length === 0) names.add(name);
    }
  }
  return [...names].filter((name) => object[name]()).sort();
}
