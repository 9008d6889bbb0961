package ui

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Names of Stepgate's cookies. The gateway keeps all of them from the application.
const (
	SessionCookie = "__Host-stepgate"
	BrowserCookie = "__Host-stepgate-browser"
	// On plain http, which is for loopback only, browsers refuse the prefix.
	LoopbackSessionCookie = "stepgate"
	LoopbackBrowserCookie = "stepgate-browser"
)

// OurCookies are the names of all cookies that are Stepgate's, on any site.
func OurCookies() []string {
	return []string{SessionCookie, BrowserCookie, LanguageCookie, LoopbackSessionCookie, LoopbackBrowserCookie, LoopbackLanguageCookie}
}

// BrowserLife is how long a browser is remembered: long enough to be a known
// device, well under the 400 days that browsers allow (RFC 6265bis 5.5).
const BrowserLife = 180 * 24 * time.Hour

// OurCookie reports whether a cookie's name is one of Stepgate's, on any site.
func OurCookie(name string) bool { return slices.Contains(OurCookies(), name) }

// Cookies reads and writes the cookies of one site: HttpOnly, SameSite=Lax, Path=/,
// without a Domain, and Secure with the __Host- prefix unless the site is loopback
// http.
type Cookies struct {
	Secure bool
	host   string
}

// CookiesFor returns the cookies of the site with the given origin.
func CookiesFor(origin string) Cookies {
	u, err := url.Parse(origin)
	if err != nil {
		return Cookies{Secure: true}
	}
	return Cookies{Secure: u.Scheme != "http", host: u.Hostname()}
}

// SessionName is the session cookie's name at this site.
func (c Cookies) SessionName() string {
	if c.Secure {
		return SessionCookie
	}
	return LoopbackSessionCookie
}

// BrowserName is the browser cookie's name at this site.
func (c Cookies) BrowserName() string {
	if c.Secure {
		return BrowserCookie
	}
	return LoopbackBrowserCookie
}

// RawSession returns the value of the session cookie, still sealed. It is not ok
// unless there is exactly one: of two, somebody else may have planted one. It does
// not allocate.
func (c Cookies) RawSession(r *http.Request) (value string, ok bool) {
	value, n := rawCookie(r, c.SessionName())
	return value, n == 1 && value != ""
}

// HasSession reports whether there is a session cookie at all, or several.
func (c Cookies) HasSession(r *http.Request) bool {
	_, n := rawCookie(r, c.SessionName())
	return n > 0
}

// RawBrowser is RawSession for the browser cookie.
func (c Cookies) RawBrowser(r *http.Request) (value string, ok bool) {
	value, n := rawCookie(r, c.BrowserName())
	return value, n == 1 && value != ""
}

// rawCookie returns the last value of the cookie called name, and how many there are.
func rawCookie(r *http.Request, name string) (value string, n int) {
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			k, v, found := strings.Cut(pair, "=")
			if found && strings.Trim(k, " \t") == name {
				value = strings.Trim(v, " \t")
				n++
			}
		}
	}
	return value, n
}

func (c Cookies) set(h http.Header, name, value string, maxAge int) {
	cookie := http.Cookie{Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: c.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	h.Add("Set-Cookie", cookie.String())
}

// SetSession hands out a session. The cookie ends with the browser; the session's
// own end is the server's matter.
func (c Cookies) SetSession(w http.ResponseWriter, sealed string) {
	c.set(w.Header(), c.SessionName(), sealed, 0)
}

// ClearSession takes the session cookie away.
func (c Cookies) ClearSession(w http.ResponseWriter) {
	c.set(w.Header(), c.SessionName(), "", -1)
}

func (c Cookies) setBrowser(w http.ResponseWriter, sealed string) {
	c.set(w.Header(), c.BrowserName(), sealed, int(BrowserLife/time.Second))
}

// maxExpired bounds how many cookies of the application one answer expires.
const maxExpired = 64

// expireOthers expires the application's cookies that r shows: they belong to whoever
// was signed in before, and an application that knows nothing of us would go on
// serving that person. Only cookies that a browser sends to our own pages can be
// seen, which are those with Path=/. Clear-Site-Data would be simpler, but "cookies"
// covers the whole registrable domain, other applications included.
func (c Cookies) expireOthers(w http.ResponseWriter, r *http.Request) {
	done := map[string]bool{}
	for _, cookie := range r.Cookies() {
		name := cookie.Name
		if OurCookie(name) || done[name] || len(done) >= maxExpired {
			continue
		}
		done[name] = true
		gone := http.Cookie{Name: name, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode,
			// Without Secure a browser ignores a change to a cookie that has it.
			Secure: c.Secure}
		w.Header().Add("Set-Cookie", gone.String())
		if !strings.HasPrefix(strings.ToLower(name), "__host-") && registrable(c.host) {
			gone.Domain = c.host
			w.Header().Add("Set-Cookie", gone.String())
		}
	}
}

// registrable reports whether a cookie may name the host as its Domain.
func registrable(host string) bool {
	_, err := netip.ParseAddr(host)
	return err != nil && strings.Contains(host, ".")
}
