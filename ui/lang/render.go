package lang

import (
	"fmt"
	"html"
	"html/template"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/number"
)

// A Slot is the markup around a slot's text. Both halves are written by code.
type Slot struct{ Open, Close template.HTML }

// Text renders a message as plain text. Args alternate between names and values:
// a string, or an int for numbers and plurals. Slots keep their text and lose
// their markup. An unknown key, and an argument too few or too many, is an error.
func (l *Language) Text(key string, args ...any) (string, error) {
	return l.render(key, args, false)
}

// HTML renders a message as HTML. All text, strings included, is escaped; beside
// what Text takes, a value may be template.HTML (kept as it is) or a [Slot].
func (l *Language) HTML(key string, args ...any) (template.HTML, error) {
	s, err := l.render(key, args, true)
	return template.HTML(s), err
}

type renderer struct {
	l      *Language
	markup bool
	args   []any
	used   []bool
	out    strings.Builder
}

func (l *Language) render(key string, args []any, markup bool) (string, error) {
	nodes, ok := l.messages[key]
	if !ok {
		return "", fmt.Errorf("rendering a message: unknown key %q", key)
	}
	if len(args)%2 != 0 {
		return "", fmt.Errorf("rendering message %q: a name without a value", key)
	}
	r := renderer{l: l, markup: markup, args: args, used: make([]bool, len(args)/2)}
	if err := r.nodes(nodes, 0); err != nil {
		return "", fmt.Errorf("rendering message %q: %w", key, err)
	}
	known := map[string]string{}
	names(nodes, known) // a branch not taken may hold arguments too
	for i, used := range r.used {
		if name, _ := args[2*i].(string); !used && known[name] == "" {
			return "", fmt.Errorf("rendering message %q: it has no %q", key, args[2*i])
		}
	}
	return r.out.String(), nil
}

func (r *renderer) nodes(nodes []node, count int) error {
	for _, n := range nodes {
		if err := r.one(n, count); err != nil {
			return err
		}
	}
	return nil
}

func (r *renderer) one(n node, count int) error {
	switch n := n.(type) {
	case textNode:
		r.text(string(n))
	case numberNode:
		r.number(count)
	case argNode:
		v, err := r.arg(string(n))
		if err != nil {
			return err
		}
		switch v := v.(type) {
		case string:
			r.text(v)
		case int:
			r.number(v)
		case template.HTML:
			if !r.markup {
				return fmt.Errorf("markup for %q in plain text", n)
			}
			r.out.WriteString(string(v))
		default:
			return fmt.Errorf("a %T for %q", v, n)
		}
	case slotNode:
		v, err := r.arg(n.name)
		if err != nil {
			return err
		}
		slot, ok := v.(Slot)
		if !ok {
			return fmt.Errorf("a %T for slot %q", v, n.name)
		}
		if r.markup {
			r.out.WriteString(string(slot.Open))
			defer func() { r.out.WriteString(string(slot.Close)) }()
		}
		return r.nodes(n.body, count)
	case pluralNode:
		v, err := r.arg(n.name)
		if err != nil {
			return err
		}
		i, ok := v.(int)
		if !ok {
			return fmt.Errorf("a %T to count %q", v, n.name)
		}
		body, ok := n.forms[plural.Cardinal.MatchPlural(r.l.tag, max(i, -i), 0, 0, 0, 0)]
		if !ok {
			body = n.forms[plural.Other]
		}
		return r.nodes(body, i)
	}
	return nil
}

func (r *renderer) arg(name string) (any, error) {
	for i := 0; i < len(r.args); i += 2 {
		if r.args[i] == name {
			r.used[i/2] = true
			return r.args[i+1], nil
		}
	}
	return nil, fmt.Errorf("no value for %q", name)
}

func (r *renderer) text(s string) {
	if r.markup {
		s = html.EscapeString(s)
	}
	r.out.WriteString(s)
}

func (r *renderer) number(i int) { r.text(r.l.numbers.Sprint(number.Decimal(i))) }
