package lang

import (
	"fmt"
	"strings"

	"golang.org/x/text/feature/plural"
)

// maxDepth bounds how deep slots and plurals may nest: far above any real message.
const maxDepth = 8

// A node is one piece of a parsed message.
type node interface{ node() }

type (
	textNode   string
	argNode    string   // {name}
	numberNode struct{} // # inside a plural
	slotNode   struct {
		name string
		body []node
	}
	pluralNode struct {
		name  string
		forms map[plural.Form][]node
	}
)

func (textNode) node()   {}
func (argNode) node()    {}
func (numberNode) node() {}
func (slotNode) node()   {}
func (pluralNode) node() {}

var pluralForms = map[string]plural.Form{
	"zero": plural.Zero, "one": plural.One, "two": plural.Two,
	"few": plural.Few, "many": plural.Many, "other": plural.Other,
}

type parser struct {
	src   string
	pos   int
	depth int
}

func parse(src string) ([]node, error) {
	p := &parser{src: src}
	nodes, err := p.nodes("", false)
	if err == nil && p.pos < len(src) {
		err = fmt.Errorf("unexpected %q", src[p.pos:])
	}
	if err != nil {
		return nil, fmt.Errorf("at byte %d: %w", p.pos, err)
	}
	return nodes, nil
}

// nodes reads until the end of the source; where slot is not empty, past "{/slot}";
// else, inside a plural's branch, up to its "}". Inside a branch # is the number.
func (p *parser) nodes(slot string, branch bool) ([]node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("nested too deep")
	}
	defer func() { p.depth-- }()
	var out []node
	for p.pos < len(p.src) {
		rest := p.src[p.pos:]
		switch c := rest[0]; {
		case c == '}':
			if slot != "" || !branch {
				return nil, fmt.Errorf("stray %q", "}")
			}
			return out, nil
		case c == '{' && strings.HasPrefix(rest, "{/"):
			closing := "{/" + slot + "}"
			if slot == "" || !strings.HasPrefix(rest, closing) {
				return nil, fmt.Errorf("closing a slot that is not the open one")
			}
			p.pos += len(closing)
			return out, nil
		case c == '{':
			n, err := p.brace(branch)
			if err != nil {
				return nil, err
			}
			out = append(out, n)
		case c == '#' && branch:
			out = append(out, numberNode{})
			p.pos++
		default:
			end := strings.IndexAny(rest, "{}#")
			switch {
			case end < 0:
				end = len(rest)
			case end == 0: // a # that is only text
				end = 1
			}
			out = append(out, textNode(rest[:end]))
			p.pos += end
		}
	}
	if slot != "" || branch {
		return nil, fmt.Errorf("unexpected end of message")
	}
	return out, nil
}

// brace reads a placeholder, a plural or a slot, at its opening brace.
func (p *parser) brace(branch bool) (node, error) {
	p.pos++
	name := p.word()
	if name == "" {
		return nil, fmt.Errorf("a brace needs a name")
	}
	if p.take(", plural,") {
		return p.plural(name)
	}
	if !p.take("}") {
		return nil, fmt.Errorf("%q needs a closing brace", name)
	}
	if !strings.Contains(p.src[p.pos:], "{/"+name+"}") {
		return argNode(name), nil
	}
	body, err := p.nodes(name, branch)
	return slotNode{name, body}, err
}

func (p *parser) plural(name string) (node, error) {
	n := pluralNode{name, map[plural.Form][]node{}}
	for {
		p.take(" ")
		if p.take("}") {
			break
		}
		word := p.word()
		form, ok := pluralForms[word]
		if !ok {
			return nil, fmt.Errorf("%q is no plural form", word)
		}
		if _, doubled := n.forms[form]; doubled {
			return nil, fmt.Errorf("plural form %q is there twice", word)
		}
		p.take(" ")
		if !p.take("{") {
			return nil, fmt.Errorf("plural form %q needs a brace", word)
		}
		body, err := p.nodes("", true)
		if err != nil {
			return nil, err
		}
		p.take("}")
		n.forms[form] = body
	}
	if n.forms[plural.Other] == nil {
		return nil, fmt.Errorf("plural of %q needs the form other", name)
	}
	return n, nil
}

// word reads a name: a-z and underscore.
func (p *parser) word() string {
	start := p.pos
	for p.pos < len(p.src) && (p.src[p.pos] >= 'a' && p.src[p.pos] <= 'z' || p.src[p.pos] == '_') {
		p.pos++
	}
	return p.src[start:p.pos]
}

func (p *parser) take(s string) bool {
	if strings.HasPrefix(p.src[p.pos:], s) {
		p.pos += len(s)
		return true
	}
	return false
}

// names collects the placeholders of a message with their kind, to compare
// translations.
func names(nodes []node, into map[string]string) {
	for _, n := range nodes {
		switch n := n.(type) {
		case argNode:
			into[string(n)] = "placeholder"
		case slotNode:
			into[n.name] = "slot"
			names(n.body, into)
		case pluralNode:
			into[n.name] = "plural"
			for _, body := range n.forms {
				names(body, into)
			}
		}
	}
}
