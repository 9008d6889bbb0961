// Package otp makes one-time codes, reads what people type for them, and turns
// them into what is stored: a code bound to everything that it was made for.
//
// A code is short, so nothing here makes it safe to guess at: counting the guesses
// is the caller's duty, in the same transaction that reads the code.
package otp
