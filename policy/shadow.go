package policy

import "slices"

// A Shadow is a rule that changes nothing, and the one because of which it does not.
type Shadow struct {
	Rule, By int // indices in [Policy.Rules]
}

// Shadows finds the rules that could be removed without any other answer to anybody:
// another rule speaks wherever they do, and asks for as much. Of rules that say the same
// the first is kept. Rules that only report are left alone.
//
// inside reports whether every request in one target is in another as well; nil knows this
// of equal ones only. What inside does not know, and what only several rules do together,
// is not found: there may be more such rules, never fewer.
func (p *Policy) Shadows(inside func(a, b TargetID) bool) []Shadow {
	in := func(a, b TargetID) bool { return a == b || inside != nil && inside(a, b) }
	var found []Shadow
	for i := range p.Rules {
		for j := range p.Rules {
			if i == j || !p.Rules[j].covers(&p.Rules[i], in) {
				continue
			}
			if i < j && p.Rules[i].covers(&p.Rules[j], in) {
				continue // they say the same
			}
			found = append(found, Shadow{i, j})
			break
		}
	}
	return found
}

// covers reports whether r speaks for every request that s speaks for, and leaves s
// nothing to ask.
func (r *Rule) covers(s *Rule, inside func(a, b TargetID) bool) bool {
	return !r.Report && !s.Report && r.Risk <= s.Risk && r.hears(s, inside) && r.outdoes(s)
}

// hears reports whether a request that is in the targets and conditions of s is in those
// of r.
func (r *Rule) hears(s *Rule, inside func(a, b TargetID) bool) bool {
	// Whoever is in s is in all of its conditions, and in one of its targets: in any of
	// the given ones if one condition, or every target, is inside.
	inAny := func(of []TargetID) bool {
		is := func(a TargetID) bool {
			return slices.ContainsFunc(of, func(b TargetID) bool { return inside(a, b) })
		}
		return slices.ContainsFunc(s.If, is) ||
			len(s.On) > 0 && !slices.ContainsFunc(s.On, func(a TargetID) bool { return !is(a) })
	}
	if len(r.On) > 0 && !inAny(r.On) {
		return false
	}
	for i := range r.If {
		if !inAny(r.If[i : i+1]) {
			return false
		}
	}
	return true
}

// outdoes reports whether s asks for nothing of anybody that r does not ask for, and
// whether s, where it is public, waives what r asks for anyway.
func (r *Rule) outdoes(s *Rule) bool {
	var least Demand // that r asks of everybody
	switch r.Verb {
	case Public:
		return s.Verb == Public
	case Require:
		least = r.Demand
	case Only:
		least = Floor
		if s.Verb == Only {
			return r.Who.among(&s.Who)
		}
	default:
		return true
	}
	switch s.Verb {
	case Public:
		return least.implies(Floor)
	case Require:
		return least.implies(s.Demand)
	default:
		return least.IsNever()
	}
}

// among reports whether v admits everybody whom w does.
func (w *Who) among(v *Who) bool {
	some := func(of, in []string) bool {
		return !slices.ContainsFunc(of, func(name string) bool { return !slices.Contains(in, name) })
	}
	return some(w.Groups, v.Groups) && some(w.Users, v.Users) && some(w.Domains, v.Domains)
}

// implies reports whether each proof that meets d meets e, at any moment.
func (d Demand) implies(e Demand) bool {
	if d.never || e.never {
		return d.never
	}
	for i, a := range e.asks {
		if a.wanted && !d.guarantees(Dimension(i), a) {
			return false
		}
	}
	return true
}

func (d Demand) guarantees(i Dimension, a ask) bool {
	stricter := func(j Dimension) bool { return d.asks[j].wanted && d.asks[j].join(a) == d.asks[j] }
	if stricter(i) {
		return true
	}
	// Either first factor opens a session, and of any two channels one is a first factor's.
	return i == Session && (stricter(PasswordProof) || stricter(EmailProof) || d.asks[OTP].wanted && a == ask{wanted: true})
}
