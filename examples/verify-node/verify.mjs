// How an application written for Node verifies the tokens that Stepgate adds to a
// request: signature, issuer, audience, kind and age, with keys found by discovery.
import { createRemoteJWKSet, jwtVerify } from "jose";

/**
 * A verifier for the tokens of one issuer, such as https://payroll.example.com/.auth.
 * Each function resolves to the claims, or rejects.
 */
export async function verifier(issuer, audience) {
  const response = await fetch(`${issuer}/.well-known/openid-configuration`);
  if (!response.ok) throw new Error(`reading discovery document: ${response.status}`);
  const metadata = await response.json();
  if (metadata.issuer !== issuer) throw new Error("the discovery document is another issuer's");

  const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
  const check = async (token, typ) =>
    (await jwtVerify(token, keys, { issuer, audience, typ, algorithms: ["ES256"], requiredClaims: ["sub", "exp"] })).payload;
  return {
    idToken: (token) => check(token, "JWT"),
    accessToken: (token) => check(token, "at+jwt"),
  };
}
