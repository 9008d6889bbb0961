// Package hygiene cleans a request before anything believes it, and a response
// before it leaves.
//
// [Rules.Clean] refuses a target that two servers could read differently, so that
// the path which was judged is the path which is forwarded. It removes, by folded
// name, every header with which a client could speak in the gateway's voice, and the
// gateway's own cookies. [Rules.GuardResponse] keeps an application from setting
// those cookies, and lets a response end with what it must not outlive.
//
// The package knows net/http and nothing of Caddy.
package hygiene
