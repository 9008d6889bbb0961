package ui

import "net/http"

// pageCSP lets a page load our stylesheet, script and icon, post to ourselves, and
// nothing else. Browsers apply form-action to redirects too: the destination after
// sign-in is always on this site, so 'self' is enough.
const pageCSP = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// setHeaders sets what every answer of ours carries, redirects and errors included.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", pageCSP)
	h.Set("Cache-Control", "no-store")
	// Not no-referrer: with it browsers send "Origin: null" along with our own forms.
	// This one keeps paths and queries to ourselves as well.
	h.Set("Referrer-Policy", "strict-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "otp-credentials=(self), camera=(), microphone=(), geolocation=()")
	h.Add("Vary", "Accept-Language, Cookie")
}

// navigation reports whether a browser is about to show the answer as a page, as
// opposed to handing it to a script or being no browser at all. Unlike a request
// that is to be sent somewhere else, a form that was posted counts.
func navigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return accepts(r.Header.Get("Accept"), "text/html")
}
