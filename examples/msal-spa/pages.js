// Calls the API: pages behind the gateway, with an access token. An answer of RFC 9470
// says that the token is good and the proof behind it is not enough.

/** Fetches a path and returns { status, title, person } or { status, challenge, more, reason, contexts }. */
export async function callPage(path, token) {
  const response = await fetch(path, {
    headers: { Authorization: `Bearer ${token}` },
    credentials: "omit", // the token alone must do
    redirect: "error",
    cache: "no-store",
  });
  if (response.ok) {
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return {
      status: response.status,
      title: page.querySelector("h1")?.textContent ?? "",
      person: page.querySelector("[data-test=user]")?.textContent ?? "",
    };
  }
  const body = await response.json().catch(() => ({}));
  return {
    status: response.status,
    challenge: response.headers.get("WWW-Authenticate") ?? "",
    more: body.error === "insufficient_user_authentication",
    reason: body.reason ?? body.error ?? "",
    // What to ask for in the claims of a sign-in that is to open this.
    contexts: body.acrs ?? [],
  };
}

/** The claims parameter that demands an authentication context. */
export function claimsFor(context) {
  return JSON.stringify({ access_token: { acrs: { essential: true, value: context } } });
}
