package caddymodule

import (
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows"
)

// A person is the placeholders of one request that say who makes it. Most requests ask
// for none of them, so they are put into words when they are asked for.
type person struct {
	repl    *caddy.Replacer
	session *flows.Live // nil is nobody
	shared  bool        // somebody else answers for the same placeholders
}

const (
	personKey = "http.auth.user."
	// attributesKey is how the placeholders of attributes begin.
	attributesKey = personKey + "attributes."
)

// personWords are the placeholders that have a fixed name.
var personWords = [...]string{personKey + "id", personKey + "email", personKey + "name", personKey + "groups"}

// newPerson makes the placeholders of a request, once for each. Whoever said before who
// makes the request is overruled.
func newPerson(repl *caddy.Replacer) *person {
	p := &person{repl: repl}
	for _, key := range personWords {
		repl.Delete(key)
	}
	_, p.shared = repl.Get(personWords[0])
	repl.Map(p.answer)
	return p
}

// set says who it is; nil is nobody. What is not known of them is empty rather than
// unset: an unset placeholder would reach the application as its own name.
func (p *person) set(session *flows.Live) {
	p.session = session
	if p.shared { // values that are set come before those that are worked out
		for _, key := range personWords {
			value, _ := p.answer(key)
			p.repl.Set(key, value)
		}
	}
}

var blank flows.Session

func (p *person) answer(key string) (any, bool) {
	if !strings.HasPrefix(key, personKey) {
		return nil, false
	}
	session := &blank
	if p.session != nil {
		session = &p.session.Session
	}
	switch key {
	case personWords[0]:
		return session.User, true
	case personWords[1]:
		return session.Email, true
	case personWords[2]:
		return session.Attributes[flows.DisplayName], true
	case personWords[3]:
		return strings.Join(session.Groups, ","), true
	}
	name, ok := strings.CutPrefix(key, attributesKey)
	return session.Attributes[name], ok
}
