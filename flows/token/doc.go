// Package token makes the ID and access tokens that applications behind Stepgate and
// its clients receive, and reads the clients' access tokens again.
//
// A [Ring] holds the signing keys, which live sealed in the store, and publishes
// their public parts. A [Minter] turns what is known of a signed-in person into a
// [Bundle]: one ID token (OpenID Connect Core 1.0, section 2) and one access token
// (RFC 9068) for each audience, short-lived and minted again from the session; or
// into a [ClientBundle] for a client. A [Verifier] gives back what a client's access
// token says, the proof above all, and believes nothing else.
//
// The package judges no policy: whoever mints has found every demanded factor
// proved, and whoever verifies judges the proof that comes out.
package token
