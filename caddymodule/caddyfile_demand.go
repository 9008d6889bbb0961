package caddymodule

import "github.com/caddyserver/caddy/v2"

// demand reads `session|password|otp [email|sms] [within <duration>|within once]`.
func (p *siteParser) demand() (*Demand, error) {
	d := p.Dispenser
	if !p.nextWord() {
		return nil, d.Err("require asks for nothing: use session, password or otp")
	}
	demand := &Demand{Proof: d.Val()}
	switch demand.Proof {
	case "session", "password", "otp":
	default:
		return nil, d.Errf("unknown demand %q: use session, password, otp, otp email or otp sms", demand.Proof)
	}
	for d.NextArg() {
		switch word := d.Val(); word {
		case "email", "sms":
			if demand.Proof != "otp" || demand.Channel != "" || demand.aged() {
				return nil, d.Errf("unexpected %q: the channel comes once, right after otp", word)
			}
			demand.Channel = word
		case "once":
			return nil, d.Err("unexpected \"once\": write `within once`; a proof has one age, and two rules are joined")
		case "within":
			if demand.aged() {
				return nil, repeated(d, "within")
			}
			if err := p.within(demand); err != nil {
				return nil, err
			}
		default:
			d.Prev() // the rule's
			return demand, nil
		}
	}
	return demand, nil
}

// aged reports whether the demand says how old its proof may be.
func (d *Demand) aged() bool { return d.Within != 0 || d.Once }

// within reads `<duration>|once`.
func (p *siteParser) within(demand *Demand) error {
	d := p.Dispenser
	if !p.nextWord() {
		return d.Err("within has no duration, such as within 5m")
	}
	if d.Val() == "once" {
		demand.Once = true
		_, err := demand.compile()
		return wrap(d, err)
	}
	within, err := positiveDuration(d, "within", d.Val())
	if err != nil {
		return err
	}
	if err := checkWithin(within); err != nil {
		return d.WrapErr(err)
	}
	demand.Within = caddy.Duration(within)
	return nil
}
