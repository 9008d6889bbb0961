package policy

import "slices"

// A Person is what rules may know of somebody who is signed in.
type Person struct {
	Email  string // canonical
	Domain string // of the address
	Groups []string
}

// Who names people: those who are in any of the groups, have any of the addresses, or
// an address in any of the domains. The zero Who names nobody.
type Who struct {
	Groups, Users, Domains []string // addresses and domains are canonical
}

// Admits reports whether p is one of them. A person without an address is nobody's user.
func (w *Who) Admits(p *Person) bool {
	if p.Email != "" && slices.Contains(w.Users, p.Email) || p.Domain != "" && slices.Contains(w.Domains, p.Domain) {
		return true
	}
	for _, group := range p.Groups {
		if slices.Contains(w.Groups, group) {
			return true
		}
	}
	return false
}
