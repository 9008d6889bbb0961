package caddymodule

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows"
)

// SignUp says who may create an account.
type SignUp struct {
	// "open", "closed" or "domains". Default: "open".
	Mode string `json:"mode,omitempty"`

	// With "domains": the mail domains whose addresses may sign up.
	Domains []string `json:"domains,omitempty"`
}

// CodeSettings are the numbers of one-time codes.
type CodeSettings struct {
	// Digits of a code: 6 to 8. Default: 6.
	Digits int `json:"digits,omitempty"`

	// How long a code works: 1 to 10 minutes. Default: 10 minutes.
	Life caddy.Duration `json:"life,omitempty"`

	// Wrong tries before a code is dead: 1 to 10. Default: 5.
	Tries int `json:"tries,omitempty"`

	// How soon another code may be asked for: 10 seconds to 10 minutes. Default: 30 seconds.
	ResendAfter caddy.Duration `json:"resend_after,omitempty"`
}

// SessionSettings are the lives of sessions.
type SessionSettings struct {
	// A session ends after this long without a request: 1 minute to 30 days.
	// Default: 1 hour.
	Idle caddy.Duration `json:"idle,omitempty"`

	// A session ends this long after the sign-in, whatever happens: 5 minutes to 30
	// days, and not less than idle. Default: 12 hours.
	Absolute caddy.Duration `json:"absolute,omitempty"`
}

// PasswordSettings are the demands on passwords.
type PasswordSettings struct {
	// The least number of characters: 8 to 64. Fewer than 15 is for sites whose every
	// request demands a second factor, and refused elsewhere (NIST SP 800-63B-4
	// section 3.1.1.2). Default: 15.
	Minimum int `json:"minimum,omitempty"`

	// How long a mailbox that has reset a password is no second factor: 1 hour to 30
	// days. Whoever holds nothing but the mailbox could otherwise choose the password
	// and then be two factors. Proving the phone ends it. Default: 24 hours.
	ResetCoolDown caddy.Duration `json:"reset_cool_down,omitempty"`
}

// The least password that may stand alone.
const lonePasswordMinimum = 15

func (s *SignUp) check() error {
	switch flows.SignUpMode(s.Mode) {
	case "", flows.SignUpOpen, flows.SignUpClosed:
		if len(s.Domains) > 0 {
			return fmt.Errorf("sign_up names domains: its mode must then be domains, not %q", s.Mode)
		}
	case flows.SignUpDomains:
		if len(s.Domains) == 0 {
			return fmt.Errorf("sign_up domains names no domain, such as sign_up domains example.com")
		}
	case "invite":
		return fmt.Errorf("sign_up invite is not supported by this version: use open, closed or domains")
	default:
		return fmt.Errorf("unknown sign_up mode %q: use open, closed or domains", s.Mode)
	}
	for i, domain := range s.Domains {
		ascii, err := checkDomain(domain)
		if err != nil {
			return fmt.Errorf("sign_up: %w", err)
		}
		if slices.Contains(s.Domains[:i], ascii) {
			return fmt.Errorf("sign_up names the domain %s twice", ascii)
		}
		s.Domains[i] = ascii
	}
	return nil
}

func (c *CodeSettings) check() error {
	for _, err := range []error{
		bounded("code digits", c.Digits, 6, 8),
		bounded("code life", time.Duration(c.Life), time.Minute, 10*time.Minute),
		bounded("code tries", c.Tries, 1, 10),
		bounded("code resend_after", time.Duration(c.ResendAfter), 10*time.Second, 10*time.Minute),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// The lives of sessions for which nothing was said.
const (
	defaultIdle     = time.Hour
	defaultAbsolute = 12 * time.Hour
)

func (s *SessionSettings) check() error {
	if err := s.checkBounds(); err != nil {
		return err
	}
	return s.over(nil).checkOrder()
}

// checkBounds judges each number by itself.
func (s *SessionSettings) checkBounds() error {
	if err := bounded("session idle", time.Duration(s.Idle), time.Minute, 30*24*time.Hour); err != nil {
		return err
	}
	return bounded("session absolute", time.Duration(s.Absolute), 5*time.Minute, 30*24*time.Hour)
}

// over fills in what is not said, from others, which may be nil, and then from the
// defaults. A nil s says nothing.
func (s *SessionSettings) over(others *SessionSettings) *SessionSettings {
	if s == nil {
		s = new(SessionSettings)
	}
	if others == nil {
		others = new(SessionSettings)
	}
	return &SessionSettings{
		Idle:     cmp.Or(s.Idle, others.Idle, caddy.Duration(defaultIdle)),
		Absolute: cmp.Or(s.Absolute, others.Absolute, caddy.Duration(defaultAbsolute)),
	}
}

func (s *SessionSettings) checkOrder() error {
	idle, absolute := time.Duration(s.Idle), time.Duration(s.Absolute)
	if absolute < idle {
		return fmt.Errorf("session absolute (%v) must not be less than idle (%v): a session would end before it is idle", absolute, idle)
	}
	return nil
}

func (p *PasswordSettings) check() error {
	if err := bounded("password minimum", p.Minimum, 8, 64); err != nil {
		return err
	}
	return bounded("password reset_cool_down", time.Duration(p.ResetCoolDown), time.Hour, 30*24*time.Hour)
}

// engineSettings is the part of the configuration that the engine takes as its own.
func (a *App) engineSettings() flows.Settings {
	limits, _ := a.Limits.limits() // checked with the other parts; the engine checks the numbers again
	return flows.Settings{
		Limits:     limits,
		CodeDigits: a.Code.Digits, CodeTries: a.Code.Tries,
		CodeLife: time.Duration(a.Code.Life), ResendAfter: time.Duration(a.Code.ResendAfter),
		SessionIdle: time.Duration(a.Session.Idle), SessionLife: time.Duration(a.Session.Absolute),
		PasswordMin: a.passwordMinimum(), ResetCoolDown: time.Duration(a.Password.ResetCoolDown),
	}
}

// passwordMinimum is the least length of a password in characters.
func (a *App) passwordMinimum() int {
	return cmp.Or(a.Password.Minimum, lonePasswordMinimum)
}
