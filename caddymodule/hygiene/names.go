package hygiene

import (
	"fmt"
	"slices"
	"strings"
)

// Names are compared folded, as the worst of the servers behind us would fold them: in
// lower case, every run of other characters than letters and digits as one hyphen. To
// CGI, WSGI and PHP, X_Remote.User and X-Remote-User are the same variable.

// longestName bounds the names that a site may configure, so that folding needs no
// allocation. A longer name in a request can equal none of them.
const longestName = 128

// fold writes the folded name into buf, as much of it as fits. odd tells that the name
// had other characters than letters, digits and hyphens.
func fold(buf *[longestName]byte, name string) (folded []byte, odd bool) {
	n, hyphen := 0, false
	for i := range len(name) {
		c := name[i]
		if !alphanumeric(c) {
			odd = odd || c != '-'
			hyphen = n > 0
			continue
		}
		if hyphen && n < longestName {
			buf[n], hyphen = '-', false
			n++
		}
		if n == longestName {
			break
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[n] = c
		n++
	}
	return buf[:n], odd
}

func foldName(name string) string {
	var buf [longestName]byte
	folded, _ := fold(&buf, name)
	return string(folded)
}

// A nameSet holds folded names, and beginnings that stand for all names with them.
// Beginnings end where a word of the name does.
type nameSet struct {
	exact, prefix, except map[string]struct{}
}

// newNameSet folds names; one that ends in * is a beginning.
func newNameSet(names []string) (nameSet, error) {
	s := nameSet{exact: map[string]struct{}{}, prefix: map[string]struct{}{}, except: map[string]struct{}{}}
	for _, name := range names {
		stem, all := strings.CutSuffix(name, "*")
		folded := foldName(stem)
		if folded == "" || len(stem) >= longestName || strings.ContainsAny(stem, "* \t\r\n=;,:\"") {
			return s, fmt.Errorf("%q is no usable name", name)
		}
		if all {
			s.prefix[folded] = struct{}{}
		} else {
			s.exact[folded] = struct{}{}
		}
	}
	return s, nil
}

// joinNames is the union of sets, without the exempted names unless they are in the
// last set: what a site injects is never exempt.
func joinNames(exempt map[string]struct{}, sets ...nameSet) nameSet {
	all, _ := newNameSet(nil)
	for _, s := range sets {
		for name := range s.exact {
			all.exact[name] = struct{}{}
		}
		for name := range s.prefix {
			all.prefix[name] = struct{}{}
		}
	}
	own := sets[len(sets)-1]
	for name := range exempt {
		if !own.has(name) {
			delete(all.exact, name)
			all.except[name] = struct{}{}
		}
	}
	for _, name := range harmless {
		if !own.has(name) {
			all.except[name] = struct{}{}
		}
	}
	return all
}

// has reports whether a folded name is in the set.
func (s *nameSet) has(folded string) bool {
	return s.holds([]byte(folded))
}

func (s *nameSet) holds(folded []byte) bool {
	if _, ok := s.exact[string(folded)]; ok {
		return true
	}
	if len(s.prefix) == 0 {
		return false
	}
	for i := 1; i <= len(folded); i++ {
		if i < len(folded) && folded[i] != '-' {
			continue
		}
		if _, ok := s.prefix[string(folded[:i])]; ok {
			_, exempt := s.except[string(folded)]
			return !exempt
		}
	}
	return false
}

func mustNames(names []string) nameSet {
	s, err := newNameSet(names)
	if err != nil {
		panic(err)
	}
	return s
}

var (
	hopHeaders      = mustNames(hops)
	identityHeaders = mustNames(identities)
	overrideHeaders = mustNames(overrides)
	aliasedHeaders  = mustNames(slices.Concat(aliased, hops))
)

// hops belong to one connection (RFC 9110 section 7.6.1). Connection, Upgrade and TE
// are put back in the one form that is allowed.
var hops = []string{
	"Connection", "Upgrade", "TE", "Trailer", "Trailers", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding",
	"Proxy-Authenticate", "Proxy-Authorization", "Proxy-Authentication-Info", "HTTP2-Settings", "Host",
}

// identities are headers in which some gateway, proxy or container tells an
// application who is there. No site may let them through.
var identities = []string{
	// Authelia, Apache, the CGI variable, Kubernetes
	"Remote-*", "X-Remote-*", "Auth-User", "Auth-Type", "X-Proxy-User", "X-Proxy-Remote-User", "Proxy-User",
	// oauth2-proxy and forward-auth in general
	"X-Forwarded-User", "X-Forwarded-Userid", "X-Forwarded-Username", "X-Forwarded-Email", "X-Forwarded-Group",
	"X-Forwarded-Groups", "X-Forwarded-Roles", "X-Forwarded-Name", "X-Forwarded-Login", "X-Forwarded-Preferred-Username",
	"X-Forwarded-Access-Token", "X-Forwarded-Id-Token", "X-Forwarded-Remote-User", "X-Forwarded-Identity",
	"X-Forwarded-Auth*", "X-Forwarded-Client-*", "X-Forwarded-TLS-Client-*", "X-Forwarded-SSL-Client-*",
	"X-Auth-Request-*", "X-Authenticated*", "X-Auth-User*", "X-Auth-Userid", "X-Auth-Username", "X-Auth-Email",
	"X-Auth-Name", "X-Auth-Group", "X-Auth-Groups", "X-Auth-Role", "X-Auth-Roles", "X-Auth-Subject",
	// common names of one's own making
	"X-User*", "X-Userid", "X-Username", "X-Useremail", "X-Userinfo", "X-Usergroups", "X-Userroles", "X-Email",
	"X-Groups", "X-Roles", "X-Subject", "X-Id-Token", "X-Identity*", "X-Principal*", "X-Webauth-*", "X-SSO-*",
	"X-Impersonate*", "X-Custom-IP-Authorization", "X-Access-Token",
	// client certificates
	"SSL-Client-*", "X-SSL-Client*", "X-SSL-Cert", "X-SSL-Subject", "X-SSL-Issuer", "X-Client-Cert*", "X-Clientcert",
	"X-Client-DN", "X-Client-CN", "X-Client-Subject", "X-Client-Verify", "X-Client-S-DN", "X-ARR-Clientcert",
	"Client-Cert*", "Client-Certificate*",
	// clouds
	"X-Goog-Authenticated-*", "X-Goog-IAP-*", "X-Endpoint-Api-Userinfo", "X-Apigateway-Api-Userinfo",
	"X-Amzn-OIDC-*", "X-Amzn-MTLS-*", "CF-Access-*", "X-MS-Client-Principal*", "X-MS-Token-*", "X-Replit-User-*",
	// gateways and single sign-on
	"X-Pomerium-*", "X-Vouch-*", "X-Authentik-*", "X-Authelia-*", "X-Token-User*", "X-Token-Subject", "X-Stepgate-*",
	"Tailscale-*", "X-Tailscale-*", "X-Teleport-*", "Teleport-JWT-Assertion", "X-Consumer-*", "X-Credential-*",
	"X-Anonymous-Consumer", "X-JWT-Assertion", "X-JWT-Payload", "OIDC-*", "X-OIDC-*", "Mellon-*", "X-SAML-*",
	"Shib-*", "X-Shib-*", "IV-User", "IV-Groups", "IV-Creds", "IV-Remote-Address", "SM-User", "SM-Userdn",
	"SM-Universalid", "SM-Authdirname", "OAM-Remote-User*", "OAM-Identity-Domain",
}

// overrides let a client change what the application thinks was asked: method, path,
// host, or a file to send. A site behind a proxy that sets one may allow it.
var overrides = []string{
	"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Override-Method",
	"X-Original-URL", "X-Original-URI", "X-Original-Path", "X-Original-Method", "X-Original-Host",
	"X-Rewrite-URL", "X-Rewrite-URI", "X-Override-URL", "X-Override-URI", "X-Proxy-URL", "X-Request-URI", "Request-URI",
	"X-Forwarded-URI", "X-Forwarded-URL", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Forwarded-Method",
	"X-Forwarded-Scriptname", "X-Script-Name", "X-Envoy-Original-Path", "X-Matched-Path", "X-Invoke-Path",
	"X-Middleware-*", "X-Sendfile*", "X-Accel-*", "X-Lighttpd-Send-File", "X-LIGHTTPD-Send-Tempfile",
	"X-Host", "X-HTTP-Host-Override", "Forwarded",
	"Proxy", // becomes HTTP_PROXY in CGI programs
}

// aliased are headers that mean something exactly as they are spelled here. Another
// spelling of them is removed: the application might read it as the real one, which
// the servers before it have checked.
var aliased = []string{
	"Authorization", "Cookie", "Content-Length", "Content-Type", "Content-Encoding", "Expect", "Forwarded", "Via",
	"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Scheme",
	"X-Forwarded-Server", "X-Forwarded-SSL", "X-Real-IP", "X-Client-IP", "Client-IP", "True-Client-IP",
	"Origin", "Referer", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-Dest", "X-Requested-With",
}

// harmless begin like an identity and are none.
var harmless = []string{"x-user-agent"} // grpc-web
