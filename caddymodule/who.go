package caddymodule

import (
	"fmt"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
)

// compile brings addresses and domains into the form that accounts have.
func (w *Who) compile() (policy.Who, error) {
	var who policy.Who
	for _, group := range w.Groups {
		if err := flows.CheckGroup(group); err != nil {
			return who, err
		}
		who.Groups = append(who.Groups, group)
	}
	for _, user := range w.Users {
		_, canonical, refusal := flows.CanonicalEmail(user)
		if refusal != nil {
			return who, fmt.Errorf("%q is no user: write the address of the account, such as dana@example.com", user)
		}
		who.Users = append(who.Users, canonical)
	}
	for _, domain := range w.Domains {
		ascii, err := checkDomain(domain)
		if err != nil {
			return who, err
		}
		who.Domains = append(who.Domains, ascii)
	}
	if len(who.Groups)+len(who.Users)+len(who.Domains) == 0 {
		return who, errOnlyNobody
	}
	return who, nil
}

var errOnlyNobody = fmt.Errorf("only names nobody: write group, user or domain and the names, such as only group staff")

// words are the people in the words of the Caddyfile.
func (w *Who) words() []string {
	var words []string
	for _, kind := range []struct {
		word  string
		names []string
	}{{"group", w.Groups}, {"user", w.Users}, {"domain", w.Domains}} {
		if len(kind.names) > 0 {
			words = append(append(words, kind.word), kind.names...)
		}
	}
	return words
}
