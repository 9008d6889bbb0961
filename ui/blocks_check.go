package ui

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// What a block may consist of. Everything else is refused, and so nothing can be forgotten
// here: no scripts and styles, which the Content-Security-Policy would refuse anyway, no
// form controls, which could pass for ours, no second h1 or main, nothing that takes the
// rest of the page for its content.
var (
	blockElements = setOf(`a abbr address article aside b bdi bdo blockquote br caption cite code dd del details dfn div dl dt em
		figcaption figure h2 h3 h4 hr i img ins kbd li mark nav ol p picture pre q s samp section small source span strong sub summary sup
		table tbody td tfoot th thead time tr u ul var wbr
		svg g path circle ellipse line rect polyline polygon title desc`)
	voidElements = setOf("br hr img link meta source wbr")

	blockAttributes = setOf(`class id lang dir title hidden role href hreflang rel target src srcset media alt width height datetime
		colspan rowspan scope open start reversed value cite
		xmlns viewbox d cx cy r rx ry x y x1 x2 y1 y2 points transform fill fill-rule clip-rule fill-opacity stroke stroke-width
		stroke-linecap stroke-linejoin stroke-opacity opacity focusable preserveaspectratio`)
	headAttributes = setOf("name property content media rel href hreflang type sizes color")

	// Names of <meta> that are the page's own affair.
	ownMeta = setOf("viewport color-scheme referrer robots format-detection")
	// Kinds of <link> by which browsers load nothing, or a picture.
	headLinks = setOf("icon apple-touch-icon apple-touch-icon-precomposed mask-icon author help license me")
)

func setOf(words string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

// checkBlock judges what a block makes of a page, by itself.
func checkBlock(place, text string) error {
	z := html.NewTokenizer(strings.NewReader(text))
	var open []string
	for {
		kind := z.Next()
		cutOff := len(z.Raw()) > 0 // at the end: a tag that does not end
		token := z.Token()
		switch kind {
		case html.ErrorToken:
			switch {
			case z.Err() != io.EOF:
				return z.Err()
			case cutOff:
				return errors.New("it ends within a tag: close it with >")
			case len(open) > 0:
				return fmt.Errorf("<%s> is not closed: the rest of the page would be in it; add </%[1]s>", open[len(open)-1])
			}
			return nil
		case html.TextToken:
			if place == "head-extra" && strings.TrimSpace(token.Data) != "" {
				return fmt.Errorf("the text %q cannot stand in the head: only <meta> and <link> can", shorten(strings.TrimSpace(token.Data), 40))
			}
		case html.CommentToken, html.DoctypeToken:
			return fmt.Errorf("%q is refused: write {{/* comments */}} like this", shorten(token.String(), 40))
		case html.EndTagToken:
			if n := len(open); n == 0 || open[n-1] != token.Data {
				return fmt.Errorf("</%s> closes nothing of the block: every element must begin and end in it", token.Data)
			}
			open = open[:len(open)-1]
		case html.StartTagToken, html.SelfClosingTagToken:
			if err := checkElement(place, token); err != nil {
				return err
			}
			// In HTML a slash closes nothing; within a drawing it does.
			if !voidElements[token.Data] && (kind == html.StartTagToken || !slices.Contains(open, "svg")) {
				open = append(open, token.Data)
			}
		}
	}
}

func checkElement(place string, t html.Token) error {
	if place == "head-extra" {
		return checkHeadElement(t)
	}
	switch {
	case t.Data == "script" || t.Data == "style":
		return fmt.Errorf("<%s> is refused, because passwords are typed on this page and browsers would not run it: rules go into `css`", t.Data)
	case t.Data == "h1" || t.Data == "main":
		return fmt.Errorf("<%s> is refused, because every page has its own: use h2 and section", t.Data)
	case !blockElements[t.Data]:
		return fmt.Errorf("<%s> is refused: a block may hold text, links, lists, tables and pictures", t.Data)
	}
	alt := false
	for _, a := range t.Attr {
		alt = alt || a.Key == "alt"
		if err := checkAttribute(t.Data, a); err != nil {
			return err
		}
	}
	if t.Data == "img" && !alt {
		return errors.New(`<img> has no alt: say what the picture shows, or alt="" if it only decorates`)
	}
	return nil
}

func checkAttribute(element string, a html.Attribute) error {
	switch {
	case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
		return fmt.Errorf("%s= of <%s> is refused, because browsers pass it over on these pages: give it a class, and rules in `css`", a.Key, element)
	case !blockAttributes[a.Key] && !strings.HasPrefix(a.Key, "aria-"):
		return fmt.Errorf("%s= of <%s> is refused: use class, lang, dir, title, role, aria-… and what links and pictures need", a.Key, element)
	}
	switch a.Key {
	case "id":
		if !strings.HasPrefix(a.Val, "x-") {
			return fmt.Errorf("id=%q of <%s> is refused: begin it with x-, which no id of ours ever does", shorten(a.Val, 40), element)
		}
	case "href":
		return checkHref(element, a.Val)
	case "src", "srcset":
		if !ownPath(a.Val) {
			return fmt.Errorf("%s=%q of <%s> is refused, because pages load nothing but pictures of their own site: "+
				"write the picture's whole path, such as /static/seal.svg, and make it `public`", a.Key, shorten(a.Val, 60), element)
		}
	}
	return nil
}

func checkHref(element, href string) error {
	if element != "a" {
		return fmt.Errorf("href= of <%s> is refused: only <a> leads elsewhere", element)
	}
	if ownPath(href) || strings.HasPrefix(href, "#") || checkLink(href, []string{"https", "mailto", "tel"}) == nil {
		return nil
	}
	return fmt.Errorf("href=%q is refused: write https://…, mailto:…, tel:… or a whole path of this site, such as /help", shorten(href, 60))
}

func checkHeadElement(t html.Token) error {
	if t.Data != "meta" && t.Data != "link" {
		return fmt.Errorf("<%s> is refused: the head takes only <meta> and <link>; rules go into `css`", t.Data)
	}
	for _, a := range t.Attr {
		value := strings.ToLower(strings.TrimSpace(a.Val))
		switch {
		case !headAttributes[a.Key]:
			return fmt.Errorf("%s= of <%s> is refused: use %s", a.Key, t.Data, "name, property, content, rel, href, media, sizes and type")
		case a.Key == "name" && ownMeta[value]:
			return fmt.Errorf(`<meta name=%q> is refused, because every page has its own`, value)
		case a.Key == "rel" && !headLinks[value]:
			return fmt.Errorf(`<link rel=%q> is refused: browsers load nothing but icons by it on these pages; rules go into "css"`, value)
		case a.Key == "href" && !ownPath(a.Val):
			return fmt.Errorf("href=%q of <link> is refused: write a whole path of this site, such as /static/icon.png", shorten(a.Val, 60))
		}
	}
	return nil
}
