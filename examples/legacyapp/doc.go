// Command legacyapp is the application in the demonstration: a small payroll site
// that knows nothing of Stepgate. It has no sign-in. It believes the headers that
// reach it, as many old applications do, and shows what they say: who it is, and
// when each thing was proved. It keeps a session cookie of its own.
//
// It listens on loopback addresses only, because whoever reaches it directly can
// claim to be anybody.
package main
