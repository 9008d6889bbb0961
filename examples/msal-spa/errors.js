// The SDK's errors in words: what happened, and what helps. First its own predicates,
// then the protocol's codes, then what the server said.

const predicates = [
  ["isUserNotFound", "email", "There is no account with this address.", "Check the spelling, or create an account."],
  ["isUserAlreadyExists", "email", "There is an account with this address already.", "Sign in instead."],
  ["isInvalidUsername", "email", "This is not an email address.", "It looks like name@example.com."],
  ["isPasswordIncorrect", "password", "Address and password do not match.", "Try again, or choose a new password."],
  ["isMissingRequiredAttributes", "", "Something is missing.", "Fill in every field."],
  ["isAttributesValidationFailed", "", "Something here cannot be right.", "Check what you typed."],
  ["isInvalidInput", "phone", "This number cannot be used.", "Enter a mobile number with its country code."],
  ["isVerificationContactBlocked", "phone", "No messages can be sent to this number.", "Use another number."],
  ["isPasswordResetFailed", "", "The new password was not kept.", "Begin again."],
  ["isTokenExpired", "", "This took too long.", "Start again; nothing was changed."],
  ["isUnsupportedChallengeType", "", "The app asked for something that the server cannot do.", "The challenge types in its configuration are wrong."],
  ["isCurrentAccountNotFound", "", "You are signed out.", "Sign in again."],
];

const newPasswords = {
  password_too_short: ["This password is too short.", "Use 15 characters or more."],
  password_too_long: ["This password is too long.", "Use 256 characters or fewer."],
  password_too_weak: ["This password is easy to guess.", "Four words of your own are better."],
  password_is_invalid: ["This password cannot be used.", "It must not be made of your name or address."],
  password_banned: ["This password is known to be used often.", "Choose words that only you would put together."],
};

const unreachable = ["The server could not be reached.", `Is it running, is “api” in config.js right (http or https), and does the client’s “cors” name ${location.origin}?`];
const noAPI = ["There is no native API at this address.", "“api” in config.js must be /.auth/native, or what “native” says in the Caddyfile."];

const codes = {
  http_request_failed: unreachable,
  post_request_failed: unreachable, // what a refresh calls it
  not_found: noAPI,
  login_required: noAPI,
  unauthorized_client: ["The server does not know this app.", "The client id in config.js must be that of a client in the Caddyfile."],
  user_already_signed_in: ["Somebody is signed in here.", "Load the page again."],
};

/**
 * Says what an error of the SDK means: { field, what, remedy, reference }. field names
 * the input to blame, and is empty where none is. reference is there for errors that
 * nobody foresaw: the server's log knows it.
 */
export function explain(error) {
  const data = error.errorData ?? {};
  const tell = (field, what, remedy, reference = "") => ({ field, what, remedy, reference });

  const rejected = newPasswords[data.subError];
  if (rejected) return tell("password", ...rejected);
  // The same predicate is about the old password at sign-in, and about a new one elsewhere.
  if (error.isInvalidPassword?.()) return tell("password", "Address and password do not match.", "Try again, or choose a new password.");
  if (error.isInvalidCode?.() || error.isIncorrectChallenge?.()) return tell("code", ...wrongCode(data));
  for (const [name, ...words] of predicates) {
    if (error[name]?.()) return tell(...words);
  }
  const notJSON = data.error === "unexpected_error" && /JSON/.test(data.errorDescription);
  if (notJSON || data.errorCodes?.includes(90002)) return tell("", ...noAPI);
  if (codes[data.error] === unreachable && !navigator.onLine) return tell("", "This device is offline.", "Connect, and try again.");
  if (codes[data.error]) return tell("", ...codes[data.error]);
  const name = [data.error, data.subError].filter(Boolean).join(", ") || "an error";
  return tell("", data.errorDescription || "Something went wrong.", `The server calls this ${name}.`, data.correlationId);
}

// The server may know more than that a code is wrong: that it has expired, or that there
// were too many tries. The SDK itself refuses codes of another length, without a number.
function wrongCode({ errorCodes = [], errorDescription = "" }) {
  if (errorCodes.length && errorDescription && errorDescription !== "The code is wrong.") return [errorDescription, ""];
  return ["That code isn’t right.", "Check the newest message, or send another code."];
}

/** Whether the server refuses for a reason that nothing typed on the screen would change. */
export function refusedByPolicy(error) {
  const { error: name, errorCodes = [] } = error.errorData ?? {};
  return name === "access_denied" && errorCodes.includes(53003) && !error.isVerificationContactBlocked?.();
}

/** Why the SDK did not start: { reason, remedy }. */
export function explainStart(error) {
  const insecure = error.errorCode === "authority_uri_insecure";
  return { reason: String(error), remedy: insecure ? "“authority” in config.js must be https, also where “api” is http: the SDK never calls it." : "Compare config.js with the Caddyfile." };
}
