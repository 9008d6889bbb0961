package caddymodule

import (
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows"
)

// A person is the placeholders of one request that say who makes it.
type person struct {
	repl       *caddy.Replacer
	attributes map[string]string
}

// attributesKey is how the placeholders of attributes begin.
const attributesKey = "http.auth.user.attributes."

// newPerson makes the placeholders of a request, once for each.
func newPerson(repl *caddy.Replacer) *person {
	p := &person{repl: repl}
	repl.Map(func(key string) (any, bool) {
		name, ok := strings.CutPrefix(key, attributesKey)
		return p.attributes[name], ok
	})
	return p
}

// set says who it is; nil is nobody. What is not known of them is empty rather than
// unset: an unset placeholder would reach the application as its own name.
func (p *person) set(session *flows.Live) {
	var id, email, name, groups string
	p.attributes = nil
	if session != nil {
		id, email, groups = session.User, session.Email, strings.Join(session.Groups, ",")
		p.attributes = session.Attributes
		name = p.attributes[flows.DisplayName]
	}
	p.repl.Set("http.auth.user.id", id)
	p.repl.Set("http.auth.user.email", email)
	p.repl.Set("http.auth.user.name", name)
	p.repl.Set("http.auth.user.groups", groups)
}
