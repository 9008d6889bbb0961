// Package token makes the ID and access tokens that applications behind Stepgate
// receive.
//
// A [Ring] holds the signing keys, which live sealed in the store, and publishes
// their public parts. A [Minter] turns what is known of a signed-in person into a
// [Bundle]: one ID token (OpenID Connect Core 1.0, section 2) and one access token
// (RFC 9068) for each audience. Tokens are short-lived and are minted again from
// the session, never refreshed.
//
// The package judges no policy: whoever calls Mint has found every demanded factor
// proved.
package token
