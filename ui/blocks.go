package ui

import (
	"errors"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"sync"

	"github.com/stepgate/stepgate/ui/lang"
)

// BlockNames are the places of a page where an operator may put HTML:
//
//   - head-extra: at the end of the head; <meta> and <link> only
//   - header: instead of the logo and the name on top
//   - before-sheet: between the header and the sheet
//   - after-form: in the sheet, below everything else
//   - footer: at the end of the footer
//
// The sheet itself, with the form, its fields and its words, is no place: it stays as it
// is, whatever is put around it, and so does an upgrade of it.
var BlockNames = []string{"head-extra", "header", "before-sheet", "after-form", "footer"}

// BlockData is what a block may speak of, such as {{.Brand}}.
type BlockData struct {
	Brand string // the name on top of the page
	App   string // the application's name
	Lang  string // the page's language as a BCP 47 tag, such as pt-BR
	Dir   string // how it is written: ltr or rtl
	Page  string // which page it is, as data-page says: see PageNames
	Host  string // the site's host, with its port if it has one
}

// PageNames are the values of data-page, stable over releases.
var PageNames = []string{
	"sign-in", "sign-up", "reset", "password", "code", "new-password", "attributes", "choose", "phone", "new-email", "effort",
	"step-up", "enrol", "continue", "done", "stuck", "sign-out", "signed-out", "not-me", "not-me-done", "not-me-gone", "loop", "inbox", "language",
	"account", "account-change", "account-profile",
	string(badTarget), string(badForm), string(crossSite), string(denied), string(stranger), string(unusual), string(closed), string(notFound),
	string(methodNotAllowed), string(expired), string(cookiesOff), string(tooMany), string(tooManySends), string(exhausted),
	string(notHeld), string(sentOn), string(fault), string(unavailable), string(signedOut),
}

// blocks are an operator's, by place. Each is a template of its own, so that none can
// reach into ours.
type blocks map[string]*template.Template

// maxBlock bounds a block, and what it makes of a page.
const maxBlock = 32 << 10

var errTooLong = fmt.Errorf("more than %d kB: put pictures on the site, and rules into the css", maxBlock>>10)

func parseBlocks(texts map[string]string) (blocks, error) {
	parsed := make(blocks, len(texts))
	for place, text := range texts {
		if !slices.Contains(BlockNames, place) {
			return nil, fmt.Errorf("there is no block %q: use %s", place, strings.Join(BlockNames, ", "))
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		if len(text) > maxBlock {
			return nil, fmt.Errorf("%s: it has %w", place, errTooLong)
		}
		t, err := template.New(place).Option("missingkey=error").Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
		if len(t.Templates()) > 1 {
			return nil, fmt.Errorf("%s: it defines a template: write out what is to be shown", place)
		}
		parsed[place] = t
	}
	return parsed, nil
}

// takeBlocks tries the blocks on every page of a site that stands for any.
func (s *Style) takeBlocks(look Look) (err error) {
	if s.blocks, err = parseBlocks(look.Blocks); err != nil {
		return fmt.Errorf("template %w", err)
	}
	if len(s.blocks) == 0 {
		return nil
	}
	s.fitting = &fitting{made: make(map[string]*rendered)}
	_, err = s.wear(face{Brand: "Brand", App: "Application", Host: "app.example.com", Prefix: "/.auth"})
	return err
}

// A fitting keeps blocks as they were made for a site: its pages may be made anew, and
// trying on takes longer than wearing.
type fitting struct {
	mu   sync.Mutex
	made map[string]*rendered
}

func (s *Style) wear(f face) (*rendered, error) {
	languages := s.bundle.Languages()
	key := strings.Join([]string{f.Brand, f.App, f.Host}, "\x00")
	for _, l := range languages {
		key += "\x00" + l.Tag + " " + l.Dir
	}
	s.fitting.mu.Lock()
	defer s.fitting.mu.Unlock()
	if made, ok := s.fitting.made[key]; ok {
		return made, nil
	}
	made, err := s.blocks.render(f, languages)
	if err != nil {
		return nil, fmt.Errorf("template %w", err)
	}
	s.fitting.made[key] = made
	return made, nil
}

// rendered are the blocks as they stand on the pages of one site. All of them are made
// before the first is shown, so that what is shown is what was checked.
type rendered struct{ byPage map[onPage]template.HTML }

type onPage struct{ place, lang, page string }

func (r *rendered) html(place, lang, page string) template.HTML {
	if r == nil {
		return ""
	}
	return r.byPage[onPage{place, lang, page}]
}

// render makes the blocks for every page in every language, and tries them on.
func (b blocks) render(f face, languages []*lang.Language) (*rendered, error) {
	r := &rendered{make(map[onPage]template.HTML)}
	once := make(map[string]template.HTML) // most pages show the same
	for place, t := range b {
		for _, l := range languages {
			for _, page := range PageNames {
				text, err := fill(t, BlockData{Brand: f.Brand, App: f.App, Lang: l.Tag, Dir: l.Dir, Page: page, Host: f.Host})
				if err != nil {
					return nil, fmt.Errorf("%s: %w", place, err)
				}
				made, ok := once[place+"\x00"+text]
				if !ok {
					if err := checkBlock(place, text); err != nil {
						return nil, fmt.Errorf("%s: %w", place, err)
					}
					made = template.HTML(text)
					once[place+"\x00"+text] = made
				}
				r.byPage[onPage{place, l.Tag, page}] = made
			}
		}
	}
	return r, tryOn(r, f, languages)
}

// fill executes a block.
func fill(t *template.Template, data BlockData) (string, error) {
	var b bounded
	if err := t.Execute(&b, data); err != nil {
		var broken *template.Error
		switch {
		case errors.Is(err, errTooLong):
			err = fmt.Errorf("it makes %w", errTooLong)
		case errors.As(err, &broken) && broken.ErrorCode == template.ErrEndContext:
			err = errors.New("it ends within a tag, a quotation or a comment: close it")
		}
		return "", err
	}
	return strings.TrimSpace(b.String()), nil
}

// bounded takes only so much.
type bounded struct{ strings.Builder }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxBlock {
		return 0, errTooLong
	}
	return b.Builder.Write(p)
}
