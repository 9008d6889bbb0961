package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
	"github.com/stepgate/stepgate/ui"
)

// A site is one origin of a handler, compiled: everything about it that a request
// needs and that does not change until the next reload.
type site struct {
	app     *App
	flows   *flows.Site
	rules   *rulebook
	hygiene *hygiene.Rules
	pages   *ui.Pages
	native  *api  // nil: the site has no clients
	cors    *cors // nil: nothing is said about other origins

	cookies ui.Cookies

	// What is minted and injected: audiences[i] is that of injection.AccessTokens[i],
	// with the default filled in. mintedFor tells tokens of other settings from ours:
	// sessions, and the tokens kept with them, outlive a reload.
	injection *Injection
	audiences []string
	mintedFor string

	tally   *tally
	reports []*ruleTally // by rule; nil for those that do not only report
}

// siteFor chooses the site by the request's Host. A handler with one origin always
// answers as that one; among several, an unknown Host has none and gets nil.
func (h *Handler) siteFor(host string) *site {
	if len(h.sites) == 1 {
		return h.sites[0]
	}
	if s, ok := h.byKey[host]; ok {
		return s
	}
	return h.byKey[strings.ToLower(host)]
}

func (h *Handler) provisionSites(configured string) error {
	h.byKey = make(map[string]*site)
	for i, text := range h.Origins {
		text, err := resolve("origin", text)
		if err != nil {
			return err
		}
		origin, err := parseOrigin(text)
		if err != nil {
			return err
		}
		if err := h.app.facts().checkOrigin(origin); err != nil {
			return err
		}
		for _, key := range hostKeys(origin) {
			if h.byKey[key] != nil {
				return fmt.Errorf("the origins name %s twice", key)
			}
		}
		if err := h.app.claimOrigin(origin, configured); err != nil {
			return err
		}
		s, err := h.newSite(origin)
		if err != nil {
			return fmt.Errorf("site %s: %w", origin, err)
		}
		h.Origins[i] = origin
		h.sites = append(h.sites, s)
		for _, key := range hostKeys(origin) {
			h.byKey[key] = s
		}
	}
	for _, s := range h.sites {
		for _, sibling := range h.sites {
			if s.native != nil {
				s.native.issuers = append(s.native.issuers, sibling.flows.Issuer())
			}
		}
	}
	return nil
}

// hostKeys are the values of Host by which browsers may ask for an origin: with the
// default port and without.
func hostKeys(origin string) []string {
	host := hostOf(origin)
	u, err := url.Parse(origin)
	if err != nil || u.Port() != "" {
		return []string{host}
	}
	return []string{host, host + map[string]string{"https": ":443", "http": ":80"}[u.Scheme]}
}

// claimOrigin makes sure that one origin means one thing: two handlers may answer
// for it, as when Caddy listens at two addresses, if they say the same.
func (a *App) claimOrigin(origin, configured string) error {
	if other, ok := a.origins[origin]; ok && other != configured {
		return fmt.Errorf("two stepgate handlers with different settings answer for %s: "+
			"put all rules of a site into one", origin)
	}
	a.origins[origin] = configured
	return nil
}

func (h *Handler) newSite(origin string) (*site, error) {
	name := cmp.Or(h.Name, hostOf(origin))
	known, err := h.app.flowsSite(origin, h.Prefix, name)
	if err != nil {
		return nil, err
	}
	known.Brand = cmp.Or(h.brandName(), name)
	if err := h.app.checkTexts(known, h.style); err != nil {
		return nil, err
	}
	s := &site{
		app:       h.app,
		flows:     known,
		rules:     h.rules,
		cookies:   ui.CookiesFor(origin),
		cors:      h.CORS.compile(),
		injection: h.Inject,
	}
	for _, token := range h.Inject.AccessTokens {
		s.audiences = append(s.audiences, cmp.Or(token.Audience, origin))
	}
	s.startCounting()
	s.mintedFor = strings.Join(append([]string{s.flows.Issuer()}, s.audiences...), "\x00")
	if s.hygiene, err = h.newHygiene(); err != nil {
		return nil, err
	}
	config := ui.Config{
		Style:          h.style,
		KeepAppCookies: h.KeepAppCookies,
	}
	if h.app.usesInbox() {
		config.Inbox = lateInbox{h.app}
	}
	if s.pages, err = s.newPages(config); err != nil {
		return nil, err
	}
	h.app.styles.Store(origin, h.style)
	if h.Native != nil {
		if s.native, err = s.newAPI(h.Native); err != nil {
			return nil, err
		}
		s.native.passes = h.Authorization == "pass"
	}
	return s, nil
}

// flowsSite is the site as package flows needs to know it.
func (a *App) flowsSite(origin, prefix, name string) (*flows.Site, error) {
	attributes, err := a.flowsAttributes()
	if err != nil {
		return nil, err
	}
	s := &flows.Site{
		Attributes: attributes,
		Origin:     origin, Prefix: prefix, Name: name,
		SMS:    len(a.sms) > 0,
		SignUp: flows.SignUpMode(a.SignUp.Mode), Domains: a.SignUp.Domains, TellUnknown: flows.TellUnknown(a.TellUnknown),
	}
	if s.SignUp == "" {
		s.SignUp = flows.SignUpOpen
	}
	if s.FixedEmail = s.SignUp == flows.SignUpClosed; a.ChangeEmail != nil {
		s.FixedEmail = !*a.ChangeEmail
	}
	if s.SMS {
		s.Countries = a.countries()
	}
	for _, method := range a.SignIn {
		s.EmailCode = s.EmailCode || method == "email_code"
		s.Password = s.Password || method == "password"
	}
	return s, nil
}

// checkTexts makes sure that a text message with a code for the site is one segment: its
// last line names the host.
func (a *App) checkTexts(s *flows.Site, style *ui.Style) error {
	if !s.SMS {
		return nil
	}
	digits := 6
	if a.Code != nil && a.Code.Digits != 0 {
		digits = a.Code.Digits
	}
	fits, err := ui.FitsSMS(s, digits, style)
	if err == nil && !fits {
		if own, err := ui.NewStyle(ui.Look{}); err == nil {
			if fits, err := ui.FitsSMS(s, digits, own); err == nil && fits {
				return errors.New("brand: texts: text messages would cost twice with these words: make sms.least shorter, " +
					"of letters that plain text messages have (GSM 03.38)")
			}
		}
		err = errors.New("the host is too long for text messages, whose last line names it: each would cost twice; " +
			"use a host of at most 100 characters, or leave out `sms`")
	}
	return err
}

// checkWithApp judges the rules by what the app can do.
func (h *Handler) checkWithApp() error {
	facts := h.app.facts()
	for i := range h.rules.policy.Rules {
		rule := &h.rules.policy.Rules[i]
		if err := facts.checkDemand(rule.Demand); err != nil {
			return fmt.Errorf("rule %q: %w", rule.Name, err)
		}
	}
	for _, header := range h.Inject.Headers {
		if err := facts.checkPlaceholders(header.Value); err != nil {
			return err
		}
	}
	if h.Native != nil {
		for _, c := range h.Native.Clients {
			if err := facts.checkClient(c); err != nil {
				return fmt.Errorf("client %s: %w", c.ID, err)
			}
		}
	}
	return facts.checkPasswords(h.rules.alwaysOTP())
}

// alwaysOTP reports whether every request must prove two channels.
func (b *rulebook) alwaysOTP() bool {
	for _, rule := range b.policy.Rules {
		if _, otp := rule.Demand.Within(policy.OTP); otp && rule.Verb == policy.Require && len(rule.On) == 0 &&
			!rule.Conditional() && !rule.Report {
			return true
		}
	}
	return false
}
