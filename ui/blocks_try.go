package ui

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/policy"
	"github.com/stepgate/stepgate/ui/lang"
)

// tryOn makes sure that every kind of page is the same with the blocks as without: where
// a browser reads one as the beginning or the end of something of ours, the page would
// lose its form.
func tryOn(made *rendered, f face, languages []*lang.Language) error {
	tried := make(map[string]bool) // most languages show the same
	for _, l := range languages {
		for _, pg := range samplePages(f, l) {
			pg.blocks = made
			worn := pg.Name
			for _, place := range BlockNames {
				worn += "\x00" + string(pg.Block(place))
			}
			if tried[worn] {
				continue
			}
			tried[worn] = true
			pg.blocks = nil
			bare, err := frameOf(pg)
			if err != nil {
				return err
			}
			pg.blocks = made
			dressed, err := frameOf(pg)
			if err != nil {
				return err
			}
			if !slices.Equal(bare, dressed) {
				return fmt.Errorf("blocks: with them the page %s is no longer whole: %s; look for what is opened and not closed", pg.Name, difference(bare, dressed))
			}
		}
	}
	return nil
}

// difference names the first part of a page that is not where it was.
func difference(bare, dressed []string) string {
	for i, part := range bare {
		if i >= len(dressed) || dressed[i] != part {
			return "its " + part[strings.LastIndexByte(part, '>')+1:] + " is lost or moved"
		}
	}
	return "there is more of it than there should be"
}

// frameOf is what a page must keep: every part of it that no block may hold, with where it
// is and all that it says of itself.
func frameOf(pg *page) ([]string, error) {
	var b bytes.Buffer
	if err := execute(&b, pg); err != nil {
		return nil, fmt.Errorf("rendering page %s: %w", pg.Name, err)
	}
	root, err := html.Parse(&b)
	if err != nil {
		return nil, fmt.Errorf("reading page %s: %w", pg.Name, err)
	}
	var frame []string
	for n := range root.Descendants() {
		switch n.DataAtom {
		case atom.Html, atom.Head, atom.Body, atom.Title, atom.Script, atom.Main, atom.H1, atom.Header, atom.Footer,
			atom.Form, atom.Fieldset, atom.Legend, atom.Label, atom.Input, atom.Select, atom.Textarea, atom.Button:
			frame = append(frame, partOf(n))
		}
	}
	return frame, nil
}

func partOf(n *html.Node) string {
	path := ""
	for p := n.Parent; p != nil && p.Type == html.ElementNode; p = p.Parent {
		path = p.Data + ">" + path
	}
	part := path + n.Data
	for _, a := range n.Attr {
		part += fmt.Sprintf(" %s=%q", a.Key, a.Val)
	}
	if n.DataAtom == atom.H1 || n.DataAtom == atom.Title {
		for c := range n.Descendants() {
			if c.Type == html.TextNode {
				part += " " + strings.ReplaceAll(c.Data, ">", "")
			}
		}
	}
	return part
}

// samplePages is one page of each kind that has a form, and one that has none.
func samplePages(f face, l *lang.Language) []*page {
	if f.Site == nil {
		f.Site = &flows.Site{}
	}
	first := flows.View{First: true, Digits: 6, PasswordMin: 15, Email: "name@example.com"}
	text := flows.View{Factor: policy.SMSCode, Digits: 6}
	var pages []*page
	for _, kind := range []struct {
		template, name string
		view           flows.View
	}{
		{"start", "sign-in", first}, {"start", "sign-up", first}, {"start", "reset", first}, {"password", "password", first},
		{"code", "code", text}, {"new-password", "new-password", first}, {"phone", "phone", text}, {"choose", "choose", text},
		{"ask", "sign-out", first}, {"tell", string(fault), first},
	} {
		pages = append(pages, &page{
			face: f, L: l, Template: kind.template, Name: kind.name, Heading: kind.name, View: kind.view,
			Lead: "…", Action: f.Prefix + "/", Forgot: f.Prefix + "/reset", Go: "…", Busy: "…",
			Ways: []way{{Factor: policy.SMSCode, Text: "…", Detail: "…"}, {Factor: policy.EmailCode, Text: "…", Detail: "…", Checked: true}},
		})
	}
	return pages
}
