package caddymodule

import (
	"encoding/json"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/stepgate/stepgate/flows/seal"
	"github.com/stepgate/stepgate/flows/send"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("stepgate", parseGlobal)
	httpcaddyfile.RegisterDirective("stepgate", parseSite)
	// After rewrite, so that policy sees the path that the application will see, and
	// before everything that answers.
	httpcaddyfile.RegisterDirectiveOrder("stepgate", httpcaddyfile.Before, "basic_auth")
}

// parseGlobal reads the global option. Syntax:
//
//	stepgate {
//	    store    <module> …
//	    secret   <secret>
//	    email    <module> …
//	    sms      <module> …
//	    sign_in  email_code|password …
//	    sign_up  open | closed | domains <domain>…
//	    tell_unknown never | sign_in | always
//	    change_email on | off
//	    brand {
//	        name       <name>
//	        accent     <rrggbb> [<rrggbb in the dark>]
//	        logo       <file> [<file in the dark>]
//	        logo_plate
//	        radius     <0-16>
//	        theme      auto | light | dark
//	        css        <file>
//	        template   head-extra|header|before-sheet|after-form|footer <file>
//	        texts      <language> <file>
//	        help|privacy|terms|accessibility <url>
//	    }
//	    languages <tag>…
//	    code {
//	        digits       <6-8>
//	        life         <duration>
//	        tries        <n>
//	        resend_after <duration>
//	    }
//	    session {
//	        idle     <duration>
//	        absolute <duration>
//	    }
//	    password {
//	        minimum         <n>
//	        reset_cool_down <duration>
//	    }
//	    limits {
//	        guesses|passwords|passwords_network|passwords_total <n> every <duration>
//	        sends_address|sends_account|sends_number|sends_prefix|sends_country|sends_network <n> every <duration>
//	        enrolments|sign_ups_network|work_network <n> every <duration>
//	        sends_email_hour|sends_email_day|sends_sms_hour|sends_sms_day <n>
//	        hard_cap <10-100>
//	        spend <amount> {
//	            <country>|* <price>
//	        }
//	    }
//	    attribute <name> {
//	        label   <text>
//	        type    string|integer|boolean
//	        required
//	        pattern <regexp>
//	        hint    <text>
//	    }
//	}
//
// email and sms may be repeated: a later sender is used when the earlier fail. So may
// attribute: newcomers are asked in this order. template may be there once for each block,
// texts once for each language. Files are found from where the Caddyfile is.
func parseGlobal(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next() // option name
	if existing != nil {
		return nil, d.Err("stepgate is configured twice in the global options: put everything into one block")
	}
	if d.NextArg() {
		return nil, d.Errf("unexpected %q: the global option stepgate has only a block", d.Val())
	}
	app := new(App)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := app.parseOption(d); err != nil {
			return nil, err
		}
	}
	if len(app.EmailRaw) == 0 {
		return nil, d.WrapErr(errNoEmailSender)
	}
	if app.Limits != nil && app.Limits.Guesses != nil {
		if err := app.checkGuessing(); err != nil {
			return nil, app.Limits.guessesAt.wrap(err)
		}
	}
	return httpcaddyfile.App{Name: "stepgate", Value: caddyconfig.JSON(app, nil)}, nil
}

func (a *App) parseOption(d *caddyfile.Dispenser) error {
	option := d.Val()
	switch option {
	case "store":
		return a.parseStore(d)
	case "secret":
		if err := parseWord(d, &a.Secret); err != nil || strings.Contains(a.Secret, "{") {
			return err
		}
		_, err := seal.ParseSecret(a.Secret)
		return wrap(d, err)
	case "email":
		return parseSender(d, send.Email, &a.EmailRaw)
	case "sms":
		return parseSender(d, send.SMS, &a.SMSRaw)
	case "sign_in":
		if a.SignIn != nil {
			return repeated(d, option)
		}
		if a.SignIn = d.RemainingArgs(); len(a.SignIn) == 0 {
			return d.Err("sign_in names no method: use email_code, password, or both")
		}
		if err := a.checkSignIn(); err != nil {
			return d.WrapErr(err)
		}
		return parseEnd(d, option)
	case "sign_up":
		return a.parseSignUp(d)
	case "tell_unknown":
		if err := parseWord(d, &a.TellUnknown); err != nil {
			return err
		}
		return wrap(d, a.checkTellUnknown())
	case "change_email":
		return parseSwitch(d, &a.ChangeEmail)
	case "brand":
		return parseBrand(d, &a.Brand, true)
	case "languages":
		return parseLanguages(d, &a.Languages)
	case "code":
		return parsePart(d, &a.Code, (*CodeSettings).check, func(c *CodeSettings) map[string]func() error {
			return map[string]func() error{
				"digits":       func() error { return parseNumber(d, &c.Digits) },
				"life":         func() error { return parseDuration(d, &c.Life) },
				"tries":        func() error { return parseNumber(d, &c.Tries) },
				"resend_after": func() error { return parseDuration(d, &c.ResendAfter) },
			}
		})
	case "session":
		return parsePart(d, &a.Session, (*SessionSettings).check, sessionWords(d))
	case "password":
		return parsePart(d, &a.Password, (*PasswordSettings).check, func(p *PasswordSettings) map[string]func() error {
			return map[string]func() error{
				"minimum":         func() error { return parseNumber(d, &p.Minimum) },
				"reset_cool_down": func() error { return parseDuration(d, &p.ResetCoolDown) },
			}
		})
	case "limits":
		return a.parseLimits(d)
	case "attribute":
		return a.parseAttribute(d)
	}
	return unknownWord(d, option, "store", "secret", "email", "sms", "sign_in", "sign_up", "tell_unknown", "change_email", "brand", "languages", "code", "session", "password", "limits", "attribute")
}

func sessionWords(d *caddyfile.Dispenser) func(*SessionSettings) map[string]func() error {
	return func(s *SessionSettings) map[string]func() error {
		return map[string]func() error{
			"idle":     func() error { return parseDuration(d, &s.Idle) },
			"absolute": func() error { return parseDuration(d, &s.Absolute) },
		}
	}
}

func (a *App) parseAttribute(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.Err("attribute has no name, such as attribute displayName")
	}
	attribute := &Attribute{Name: d.Val()}
	start := here(d)
	if err := checkAttributeName(attribute.Name); err != nil {
		return d.WrapErr(err)
	}
	if d.NextArg() {
		return d.Errf("unexpected %q after attribute %s: what else there is to say goes into a block", d.Val(), attribute.Name)
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := attribute.parseOption(d); err != nil {
			return err
		}
	}
	a.Attributes = append(a.Attributes, attribute)
	if err := checkAttributes(a.Attributes); err != nil {
		return start.wrap(err)
	}
	return nil
}

func (a *Attribute) parseOption(d *caddyfile.Dispenser) error {
	switch word := d.Val(); word {
	case "label":
		if err := parseWord(d, &a.Label); err != nil {
			return err
		}
		return wrap(d, checkLabel("label", a.Label))
	case "hint":
		if err := parseWord(d, &a.Hint); err != nil {
			return err
		}
		return wrap(d, checkLabel("hint", a.Hint))
	case "type":
		if err := parseWord(d, &a.Type); err != nil {
			return err
		}
		return wrap(d, checkAttributeType(a.Type))
	case "required":
		if a.Required {
			return repeated(d, word)
		}
		a.Required = true
		return parseEnd(d, word)
	case "pattern":
		if err := parseWord(d, &a.Pattern); err != nil {
			return err
		}
		_, err := compilePattern(a.Pattern)
		return wrap(d, err)
	default:
		return unknownWord(d, word, "label", "hint", "type", "required", "pattern")
	}
}

func (a *App) parseStore(d *caddyfile.Dispenser) error {
	if a.StoreRaw != nil {
		return repeated(d, "store")
	}
	module, name, err := parseModule(d, "stepgate.stores.", "store", "badger", "memory")
	if err != nil {
		return err
	}
	a.StoreRaw = caddyconfig.JSONModuleObject(module, "module", name, nil)
	return nil
}

func parseSender(d *caddyfile.Dispenser, medium send.Medium, into *[]json.RawMessage) error {
	known := []string{"smtp", "webhook", "inbox"}
	if medium == send.SMS {
		known = []string{"vonage", "webhook", "inbox"}
	}
	module, name, err := parseModule(d, "stepgate.senders.", string(medium)+" sender", known...)
	if err != nil {
		return err
	}
	if sender, ok := module.(SenderModule); ok && !sender.Carries(medium) {
		return d.WrapErr(notCarried(sender, medium))
	}
	if err := checkCosts(medium, module); err != nil {
		return d.WrapErr(err)
	}
	*into = append(*into, caddyconfig.JSONModuleObject(module, "module", name, nil))
	return nil
}

// parseModule reads the module that the next argument names.
func parseModule(d *caddyfile.Dispenser, namespace, what string, known ...string) (caddyfile.Unmarshaler, string, error) {
	if !d.NextArg() {
		return nil, "", d.Errf("the %s has no name: use %s", what, alternatives(known))
	}
	name := d.Val()
	if _, err := caddy.GetModule(namespace + name); err != nil || name == "" {
		return nil, "", d.Errf("unknown %s %q: use %s, or build Caddy with the module %s%s", what, name, alternatives(known), namespace, name)
	}
	module, err := caddyfile.UnmarshalModule(d, namespace+name)
	return module, name, err
}

func (a *App) parseSignUp(d *caddyfile.Dispenser) error {
	if a.SignUp != nil {
		return repeated(d, "sign_up")
	}
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("sign_up has no mode: use open, closed or domains")
	}
	a.SignUp = &SignUp{Mode: args[0], Domains: args[1:]}
	if a.SignUp.Mode != "domains" && len(args) > 1 {
		return d.Errf("unexpected %q after sign_up %s", args[1], args[0])
	}
	if err := a.SignUp.check(); err != nil {
		return d.WrapErr(err)
	}
	return parseEnd(d, "sign_up")
}

// parsePart reads a block of settings into a new T, and checks it. What one line makes
// wrong a later one may put right, so the check counts when all is read, and names the
// line since which it has failed.
func parsePart[T any](d *caddyfile.Dispenser, into **T, check func(*T) error, words func(*T) map[string]func() error) error {
	option := d.Val()
	if *into != nil {
		return repeated(d, option)
	}
	if d.NextArg() {
		return d.Errf("unexpected %q: %s has only a block", d.Val(), option)
	}
	part := new(T)
	known := words(part)
	empty := true
	var failed error
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		empty = false
		read, ok := known[d.Val()]
		if !ok {
			return unknownWord(d, d.Val(), sortedKeys(known)...)
		}
		if err := read(); err != nil {
			return err
		}
		if err := check(part); err == nil {
			failed = nil
		} else if failed == nil {
			failed = d.WrapErr(err)
		}
	}
	if empty {
		return d.Errf("the block %s says nothing: use %s, or remove it", option, alternatives(sortedKeys(known)))
	}
	*into = part
	return failed
}
