package caddymodule

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// parseSite reads the directive. Syntax:
//
//	stepgate {
//	    origin <url>…
//	    name   <name>
//	    prefix <path>
//	    brand {
//	        <as in the global options>
//	    }
//	    languages <tag>…
//
//	    sensitivity <name> <target>… {
//	        label <text>
//	        match { <inline matchers> }
//	    }
//	    risk {
//	        header          <name> <band> <value> [<band> <value>…] [missing <band>]
//	        new_device      <band>
//	        new_network     <band>
//	        recent_failures <n> <band>
//	        session_age     <duration> <band>
//	        match           <matcher>… <band>
//	        missing         <band>
//	    }
//	    [report] public                          on <target>… [when <condition>…]
//	    [report] deny                            [on <target>…] [when <condition>…]
//	    [report] require <demand>                [on <target>…] [when <condition>…]
//	    [report] only group|user|domain <name>…  [on <target>…] [when <condition>…] {
//	        match { <inline matchers> }
//	        when  { <inline matchers> }
//	        forms keep|drop
//	        name  <text>
//	    }
//
//	    inject none | {
//	        id_token     <header>
//	        access_token <header> [audience <url>]
//	        header       <name> <value>
//	    }
//	    authorization pass|remove
//	    cors pass
//	    cors <origin>… {
//	        methods <method>…
//	        headers <header>…
//	        max_age <duration>
//	    }
//	    lenient_paths <class>…
//	    keep_app_cookies
//	    tests <file>…
//
//	    native [<base>]
//	    client <id> {
//	        name        <name>
//	        scopes      <scope>…
//	        scope       <scope> on <sensitivity>…
//	        acrs        <context> on <sensitivity>…
//	        audience    <url>
//	        require     <demand>
//	        cors        <origin>…
//	        enumeration hide|reveal
//	        token_life  <duration>
//	        session {
//	            idle     <duration>
//	            absolute <duration>
//	        }
//	    }
//	}
//
// A demand is session, password, otp, otp email or otp sms, with `within <duration>`
// after it if the proof must be fresh, or `within once` (of otp) if every request needs
// its own. A target is a sensitivity (for rules), a matcher @name, a path, or * for every
// request: any of them. A condition is `risk <band>`, which holds at every higher band
// too, or a matcher @name: all of them. Every rule may have the block, in which `match` is
// one more target and `when` one more condition. A band is none, low, medium or high.
//
// The directive takes no matcher: what it did not guard would be open, and its own
// pages would be out of reach.
func parseSite(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // directive name
	p := &siteParser{Helper: h, start: here(h.Dispenser), defined: make(map[string]place), used: make(map[string]place)}
	if h.NextArg() {
		return nil, h.Errf("unexpected %q: stepgate guards the whole site and takes no matcher; "+
			"say `public on …` for what everybody may see", h.Val())
	}
	for nesting := h.Nesting(); h.NextBlock(nesting); {
		if err := p.option(); err != nil {
			return nil, err
		}
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return h.NewRoute(nil, &p.handler), nil
}

// siteParser is one directive while it is read.
type siteParser struct {
	httpcaddyfile.Helper
	handler Handler
	start   place
	defined map[string]place // sensitivities
	used    map[string]place // sensitivities that rules speak of, first use
	rules   []place
	headers []place // of what is injected

	riskAt      place
	riskHeaders []place // of handler.Risk.Headers

	nativeAt *place // nil: there is no such line
	clients  []*parsedClient
}

func (p *siteParser) option() error {
	d, h := p.Dispenser, &p.handler
	option := d.Val()
	switch option {
	case "origin":
		return p.origin()
	case "name":
		if err := parseWord(d, &h.Name); err != nil {
			return err
		}
		return wrap(d, checkLabel("name", h.Name))
	case "prefix":
		if err := parseWord(d, &h.Prefix); err != nil {
			return err
		}
		return wrap(d, checkPrefix(h.Prefix))
	case "brand":
		return parseBrand(d, &h.Brand, false)
	case "languages":
		return parseLanguages(d, &h.Languages)
	case "sensitivity":
		return p.sensitivity()
	case "risk":
		return p.riskOf()
	case "public", "deny", "require", "only", "report":
		return p.rule()
	case "inject":
		return p.inject()
	case "authorization":
		if err := parseWord(d, &h.Authorization); err != nil {
			return err
		}
		if h.Authorization != "pass" && h.Authorization != "remove" {
			return d.WrapErr(unknownAuthorization(h.Authorization))
		}
		return nil
	case "cors":
		return p.cors()
	case "lenient_paths":
		return p.lenientPaths()
	case "keep_app_cookies":
		if h.KeepAppCookies {
			return repeated(d, option)
		}
		h.KeepAppCookies = true
		return parseEnd(d, option)
	case "tests":
		return p.tests()
	case "native":
		return p.native()
	case "client":
		return p.client()
	}
	if strings.HasPrefix(option, "@") {
		return d.Errf("matcher %s is defined inside stepgate: define it in the site block, beside stepgate", option)
	}
	return unknownWord(d, option, "origin", "name", "prefix", "brand", "languages", "sensitivity", "risk", "public", "deny", "require", "only", "report",
		"inject", "authorization", "cors", "lenient_paths", "keep_app_cookies", "tests", "native", "client")
}

func (p *siteParser) origin() error {
	if p.handler.Origins != nil {
		return repeated(p.Dispenser, "origin")
	}
	for p.NextArg() {
		origin := p.Val()
		if !strings.Contains(origin, "{") {
			var err error
			if origin, err = parseOrigin(origin); err != nil {
				return p.WrapErr(err)
			}
		}
		if slices.Contains(p.handler.Origins, origin) {
			return p.Errf("origin %s is given twice", origin)
		}
		p.handler.Origins = append(p.handler.Origins, origin)
	}
	if p.handler.Origins == nil {
		return p.Err("origin has no value: write the site's public address, such as https://app.example.com")
	}
	return parseEnd(p.Dispenser, "origin")
}

func (p *siteParser) lenientPaths() error {
	if p.handler.LenientPaths != nil {
		return repeated(p.Dispenser, "lenient_paths")
	}
	for p.NextArg() {
		if err := checkLenientClass(p.Val()); err != nil {
			return p.WrapErr(err)
		}
		if slices.Contains(p.handler.LenientPaths, p.Val()) {
			return p.Errf("lenient_paths names %s twice", p.Val())
		}
		p.handler.LenientPaths = append(p.handler.LenientPaths, p.Val())
	}
	if p.handler.LenientPaths == nil {
		return p.Errf("lenient_paths names no class: use %s", alternatives(lenientClasses()))
	}
	return parseEnd(p.Dispenser, "lenient_paths")
}

func (p *siteParser) inject() error {
	d := p.Dispenser
	if p.handler.Inject != nil {
		return repeated(d, "inject")
	}
	in := new(Injection)
	p.handler.Inject = in
	if d.NextArg() {
		if d.Val() != "none" {
			return d.Errf("unexpected %q after inject: use none, or a block", d.Val())
		}
		in.None = true
		return parseEnd(d, "inject none")
	}
	empty := true
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		empty = false
		if err := p.injected(in); err != nil {
			return err
		}
		if err := in.check(); err != nil {
			return d.WrapErr(err)
		}
	}
	if empty {
		return d.Err("inject says nothing: use a block with id_token, access_token or header, or `inject none`")
	}
	return nil
}

func (p *siteParser) injected(in *Injection) error {
	d := p.Dispenser
	switch word := d.Val(); word {
	case "id_token":
		return parseWord(d, &in.IDToken)
	case "access_token":
		var token AccessToken
		if !d.NextArg() {
			return d.Errf("access_token names no header")
		}
		token.Header = d.Val()
		if d.NextArg() {
			if d.Val() != "audience" {
				return d.Errf("unexpected %q: only `audience <url>` may follow the header", d.Val())
			}
			if !d.NextArg() {
				return d.Err("audience has no value: write the URL of whom the token is for")
			}
			token.Audience = d.Val()
			if err := checkAudience(token.Audience); err != nil {
				return d.WrapErr(err)
			}
		}
		in.AccessTokens = append(in.AccessTokens, token)
		return parseEnd(d, word)
	case "header":
		var header InjectedHeader
		if !d.Args(&header.Name, &header.Value) {
			return d.Err("header needs a name and a value, such as header Remote-User {http.auth.user.email}")
		}
		in.Headers = append(in.Headers, header)
		p.headers = append(p.headers, here(d))
		return parseEnd(d, word)
	default:
		return unknownWord(d, word, "id_token", "access_token", "header")
	}
}
