package ui

import (
	"bytes"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Standalone is the body of what is shown, fit to be opened as a file beside the others of
// its language: static files are looked for in assets, a relative path without a slash at
// its end; links lead to the page of that name where there is one, and nowhere otherwise;
// forms do nothing.
func (g *Gallery) Standalone(shown Shown, assets string) []byte {
	var out bytes.Buffer
	z := html.NewTokenizer(bytes.NewReader(shown.Body))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return out.Bytes() // the end: nothing can be wrong with bytes
		}
		raw := slices.Clone(z.Raw())
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			out.Write(raw)
			continue
		}
		t := z.Token()
		if g.relink(&t, assets) {
			raw = []byte(t.String())
		}
		out.Write(raw)
	}
}

// relink changes a tag's addresses, and reports whether it has any.
func (g *Gallery) relink(t *html.Token, assets string) bool {
	changed := false
	for i := range t.Attr {
		a := &t.Attr[i]
		switch {
		case t.DataAtom == atom.Form && a.Key == "method":
			a.Val, changed = "dialog", true // which closes a dialog, and there is none
		case t.DataAtom == atom.Form && a.Key == "action", t.DataAtom == atom.A && a.Key == "target":
			a.Key, changed = "data-"+a.Key, true
		case t.DataAtom == atom.A && a.Key == "href":
			a.Val, changed = g.linkTo(a.Val), true
		case a.Key == "href" || a.Key == "src" || a.Key == "srcset":
			if name, ok := strings.CutPrefix(a.Val, g.cfg.Site.Prefix+"/assets/"); ok {
				a.Val, changed = assets+"/"+name, true
			}
		}
	}
	return changed
}

// linkTo is the file of the page that a link leads to.
func (g *Gallery) linkTo(href string) string {
	u, err := url.Parse(href)
	switch {
	case err != nil:
		return "#"
	case strings.HasPrefix(href, "#"):
		return href
	case u.Scheme != "" && u.Scheme+"://"+u.Host != g.cfg.Site.Origin:
		return href // the operator's own page
	}
	name, below := strings.CutPrefix(u.Path, g.cfg.Site.Prefix+"/")
	if name = strings.ReplaceAll(name, "/", "-"); below && slices.Contains(GalleryNames(), name) {
		return name + ".html"
	}
	return "#"
}
