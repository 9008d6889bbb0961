// Package store keeps Stepgate's records: a small, ordered key-value store with
// serializable transactions.
//
// A key is a string of printable ASCII parts joined by "/"; a value is opaque.
// Every back end passes the same conformance suite, storetest, and leaves the
// checks that all of them owe to [Guard]. A record's own expiry decides whether
// it is alive; the time-to-live given to Set only lets a back end throw away
// what nobody will read again.
//
// [NewMemory] is the back end for tests and trials; the package badger is the
// durable one.
package store
