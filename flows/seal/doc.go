// Package seal makes every secret key that Stepgate uses out of one master secret,
// and does the few things that those keys are for: message authentication codes,
// cookies, records at rest and the password pepper.
//
// Each purpose has a key of its own, derived with HKDF-SHA-256 (RFC 5869) under a
// label that names the purpose, so a value made for one purpose is worthless in
// another. Labels and cookie names are constants of the program or of its
// configuration, never input: derived keys are kept for good.
//
// To change the master secret, put the new one first and keep the old ones behind
// it: the first seals, all of them open.
package seal
