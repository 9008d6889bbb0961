package ui

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/ui/lang"
)

// GalleryConfig says whose pages a [Gallery] shows.
type GalleryConfig struct {
	// Site gives the names, the origin and the prefix. What people may do there follows
	// from each scene. Default: an example.
	Site *flows.Site
	// Style is how pages and messages look. Default: Stepgate's own.
	Style *Style
	// Languages are tags, those of pseudo-locales (lang.Accented, lang.Mirrored) included.
	// Default: all languages that there are.
	Languages []string
}

// A Gallery is every page in every state, and every message, as people would see them.
// The pages' own handlers make them; the people and their flows are made up.
type Gallery struct {
	cfg       GalleryConfig
	languages []*lang.Language
	styles    map[string]*Style // by tag: the style with that language in it
	stages    map[string]*stage
	assets    map[string][]byte
}

// ShownKind is what sort of thing is shown: a closed set.
type ShownKind string

const (
	ShownPage ShownKind = "page"
	ShownMail ShownKind = "mail" // Body is its HTML part, Text the other
	ShownText ShownKind = "text" // a text message
)

// Shown is one page in one state, or one message, in one language.
type Shown struct {
	Kind      ShownKind
	Name      string // of the state or purpose: letters, digits, hyphens, underscores and dots
	Lang, Dir string
	Title     string      // of a message: its subject
	Status    int         // of a page
	Header    http.Header // of a page
	Body      []byte      // HTML; empty for a text message
	Text      string      // of a message
}

// NewGallery checks the configuration. An error names a language that there is not.
func NewGallery(cfg GalleryConfig) (*Gallery, error) {
	if cfg.Site == nil {
		cfg.Site = exampleSite()
	}
	if cfg.Style == nil {
		var err error
		if cfg.Style, err = ownStyle(); err != nil {
			return nil, fmt.Errorf("making a gallery: %w", err)
		}
	}
	g := &Gallery{cfg: cfg, styles: map[string]*Style{}, stages: map[string]*stage{}, assets: map[string][]byte{}}
	tags := cfg.Languages
	if len(tags) == 0 {
		for _, l := range cfg.Style.bundle.Languages() {
			tags = append(tags, l.Tag)
		}
	}
	return g, g.Add(tags...)
}

// Gallery is the gallery of the site, with its look, in the languages of these tags, or in
// all that it has.
func (p *Pages) Gallery(tags ...string) (*Gallery, error) {
	style := *p.Style
	style.bundle = p.bundle
	return NewGallery(GalleryConfig{Site: p.Site, Style: &style, Languages: tags})
}

// Add adds languages, by their tags.
func (g *Gallery) Add(tags ...string) error {
	for _, tag := range tags {
		style := *g.cfg.Style
		if tag == lang.Accented || tag == lang.Mirrored {
			var err error
			if style.bundle, err = style.bundle.Pseudo(tag); err != nil {
				return fmt.Errorf("making a gallery: %w", err)
			}
		}
		l := style.bundle.Get(tag)
		if l.Tag != tag {
			return fmt.Errorf("making a gallery: no language %q: there are %s", tag, g.known())
		}
		if g.styles[tag] == nil {
			g.languages, g.styles[tag] = append(g.languages, l), &style
		}
	}
	return nil
}

// Origin is the origin of the site that is shown.
func (g *Gallery) Origin() string { return g.cfg.Site.Origin }

func (g *Gallery) known() string {
	var tags []string
	for _, l := range g.cfg.Style.bundle.Languages() {
		tags = append(tags, l.Tag)
	}
	return strings.Join(append(tags, lang.Accented, lang.Mirrored), ", ")
}

// All shows everything, language by language: pages, then mails, then text messages. It
// ends at the first error.
func (g *Gallery) All() iter.Seq2[Shown, error] {
	return func(yield func(Shown, error) bool) {
		for _, l := range g.languages {
			for _, each := range []iter.Seq2[Shown, error]{g.pages(l), g.messages(l)} {
				for shown, err := range each {
					if !yield(shown, err) || err != nil {
						return
					}
				}
			}
		}
	}
}

// Assets are the static files that the pages shown so far refer to, by name.
func (g *Gallery) Assets() iter.Seq2[string, []byte] { return maps.All(g.assets) }

// site is the gallery's site, with all that a scene may take away.
func (g *Gallery) site() *flows.Site {
	site, from := exampleSite(), g.cfg.Site
	site.Origin, site.Prefix, site.Name, site.Brand = from.Origin, from.Prefix, from.Name, from.Brand
	return site
}

func (g *Gallery) pages(l *lang.Language) iter.Seq2[Shown, error] {
	return func(yield func(Shown, error) bool) {
		for _, sc := range scenes() {
			shown, err := g.page(l, sc)
			if !yield(shown, err) || err != nil {
				return
			}
		}
	}
}

// set is the stage for a scene. Scenes that change nothing about the pages share one.
func (g *Gallery) set(l *lang.Language, sc scene) (*stage, error) {
	if s := g.stages[l.Tag]; s != nil && sc.change == nil {
		*s.engine, s.session, *s.pages.Site = puppet{}, nil, *g.site()
		return s, nil
	}
	s, err := newStage(func(c *Config) {
		c.Site, c.Style, c.Lang = g.site(), g.styles[l.Tag], l.Tag
		if sc.change != nil {
			sc.change(c)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("setting the scene %s: %w", sc.name, err)
	}
	if sc.change == nil {
		g.stages[l.Tag] = s
	}
	for name, a := range s.pages.assets.byName {
		g.assets[name] = a.plain
	}
	return s, nil
}

func (g *Gallery) page(l *lang.Language, sc scene) (Shown, error) {
	s, err := g.set(l, sc)
	if err != nil {
		return Shown{}, err
	}
	rec := s.play(sc, func(r *http.Request) { r.Header.Set("Accept-Language", l.Tag) })
	if rec.status != cmp.Or(sc.status, http.StatusOK) {
		return Shown{}, fmt.Errorf("playing the scene %s: it ended in status %d", sc.name, rec.status)
	}
	return Shown{Kind: ShownPage, Name: sc.name, Lang: l.Tag, Dir: l.Dir, Status: rec.status, Header: rec.header, Body: rec.body.Bytes()}, nil
}

func (g *Gallery) messages(l *lang.Language) iter.Seq2[Shown, error] {
	return func(yield func(Shown, error) bool) {
		for _, letter := range exampleLetters(g.site()) {
			letter.Lang = l.Tag
			m, err := Compose(letter.Letter, g.styles[l.Tag])
			shown := Shown{Kind: ShownMail, Name: letter.name, Lang: l.Tag, Dir: l.Dir, Title: m.Subject, Body: []byte(m.HTML), Text: m.Text}
			if m.HTML == "" {
				shown.Kind = ShownText
			}
			if err != nil {
				err = fmt.Errorf("composing %s: %w", letter.name, err)
			}
			if !yield(shown, err) || err != nil {
				return
			}
		}
	}
}

// GalleryNames lists the names of all pages, sorted.
func GalleryNames() []string {
	var names []string
	for _, sc := range scenes() {
		names = append(names, sc.name)
	}
	slices.Sort(names)
	return names
}
