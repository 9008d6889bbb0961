// Package password judges new passwords and hashes them with Argon2id (RFC 9106).
//
// A [Hasher] bounds how many hashes run at once and how many may wait, so that a
// storm of sign-ins costs sign-ins and nothing else, and it makes the answer for an
// account that does not exist cost what a real one costs. [Check] says which
// passwords are refused when one is chosen: NIST SP 800-63B-4, section 3.1.1.2,
// that is length and a list of the commonest, and no rules of composition.
package password
