// What an application must know about the gateway it signs in at.

/** The id of a `client` in the Caddyfile. It is public. */
export const clientId = "8c1f6d2a-4b0e-4c57-9d3a-6f2e51b7a904";

/** Where the native API is: `native` in the Caddyfile, by default /.auth/native. */
export const api = new URL("/.auth/native", location.origin).href;

/**
 * MSAL insists on an https authority, also on a developer's machine. It never calls it:
 * all requests go to `api`. It only names the place where tokens are kept.
 */
export const authority = `https://${location.host}/`;

/** Pages to fetch, and what they need in the demonstration. */
export const pages = [
  { name: "Payslips", path: "/", needs: "a sign-in" },
  { name: "Transfer", path: "/transfer", needs: "two different checks" },
  { name: "Bank details", path: "/admin/", needs: "a text message" },
];
