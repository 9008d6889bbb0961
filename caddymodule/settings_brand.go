package caddymodule

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"

	"golang.org/x/text/language"

	"github.com/stepgate/stepgate/ui"
)

// Brand is how pages and messages look and sound. Files are read when the configuration
// is loaded; paths are as the Caddy process sees them.
type Brand struct {
	// The name under which pages and messages appear. Default: each site's own name.
	Name string `json:"name,omitempty"`

	// The colour of buttons and links as #rrggbb. Any will do: what has to be read in it
	// or on it is made readable. Default: Stepgate's own.
	Accent string `json:"accent,omitempty"`

	// The colour where the scheme is dark. Default: accent.
	AccentDark string `json:"accent_dark,omitempty"`

	// The file of the logo: PNG, SVG, WebP or JPEG, up to 256 kB. It is shown 32 pixels
	// high and at most 192 wide, beside the name, on pages only: mails load nothing.
	// Default: the name's first letter on a tile.
	Logo string `json:"logo,omitempty"`

	// The file of the logo where the scheme is dark. Default: logo.
	LogoDark string `json:"logo_dark,omitempty"`

	// Put the logo on a white plate where the scheme is dark. Default: false.
	LogoPlate bool `json:"logo_plate,omitempty"`

	// How round corners are, 0 to 16 pixels. Default: 8.
	Radius *int `json:"radius,omitempty"`

	// "auto", "light" or "dark". Default: "auto", as each person's system has it.
	Theme string `json:"theme,omitempty"`

	// A file of CSS rules that come after Stepgate's own, up to 256 kB.
	CSS string `json:"css,omitempty"`

	// Files of HTML by the place where it goes: head-extra, header, before-sheet,
	// after-form or footer.
	Templates map[string]string `json:"templates,omitempty"`

	// Files of messages by language, each a JSON object from key to text. A site's own
	// come over the app's, key by key.
	Texts map[string]string `json:"texts,omitempty"`

	// The operator's own pages, linked at the foot of every page: https, and for help
	// also mailto or tel. Default: no such link.
	Help          string `json:"help,omitempty"`
	Privacy       string `json:"privacy,omitempty"`
	Terms         string `json:"terms,omitempty"`
	Accessibility string `json:"accessibility,omitempty"`

	// What the files held when the Caddyfile was read, as hashes by path. It is there so
	// that a reload notices a changed file, and means nothing otherwise.
	Seen map[string]string `json:"seen,omitempty"`
}

var errNoLogo = errors.New("logo_plate has no logo to go under: name one with `logo`, or remove logo_plate")

// check judges what can be judged without a file. A site's logo_plate may be for the app's
// logo.
func (b *Brand) check() error {
	if b.Name != "" {
		if err := checkLabel("brand name", b.Name); err != nil {
			return err
		}
	}
	for _, accent := range []string{b.Accent, b.AccentDark} {
		if accent != "" {
			if err := checkAccent(accent); err != nil {
				return err
			}
		}
	}
	if b.AccentDark != "" && b.Accent == "" {
		return fmt.Errorf("the brand has an accent_dark and no accent: give both, or accent alone")
	}
	if b.LogoDark != "" && b.Logo == "" {
		return errors.New("the brand has a logo for the dark scheme only: give one for the light scheme too")
	}
	if b.LogoPlate && b.LogoDark != "" {
		return errors.New("logo_plate is for a logo without a dark version: remove one of the two")
	}
	return nil
}

// read reads the files. Each is judged by itself, so that an error names it.
func (b *Brand) read() (ui.Look, error) {
	look := ui.Look{
		Accent: b.Accent, AccentDark: b.AccentDark, Radius: b.Radius, Theme: ui.Theme(b.Theme), LogoPlate: b.LogoPlate,
		Help: b.Help, Privacy: b.Privacy, Terms: b.Terms, Accessibility: b.Accessibility,
		Blocks: make(map[string]string), Texts: make(map[string]map[string]string),
	}
	if err := judge("", ui.Look{
		Accent: look.Accent, AccentDark: look.AccentDark, Radius: look.Radius, Theme: look.Theme,
		Help: look.Help, Privacy: look.Privacy, Terms: look.Terms, Accessibility: look.Accessibility,
	}); err != nil {
		return ui.Look{}, err
	}
	for _, file := range []struct {
		path string
		take func(data []byte) (ui.Look, error)
	}{
		{b.Logo, func(data []byte) (ui.Look, error) { look.Logo = data; return ui.Look{Logo: data}, nil }},
		{b.LogoDark, func(data []byte) (ui.Look, error) { look.LogoDark = data; return ui.Look{Logo: data}, nil }},
		{b.CSS, func(data []byte) (ui.Look, error) { look.CSS = string(data); return ui.Look{CSS: look.CSS}, nil }},
	} {
		if file.path == "" {
			continue
		}
		if err := readPart(file.path, file.take); err != nil {
			return ui.Look{}, err
		}
	}
	for _, block := range sortedKeys(b.Templates) {
		if err := readPart(b.Templates[block], func(data []byte) (ui.Look, error) {
			look.Blocks[block] = string(data)
			return ui.Look{Blocks: map[string]string{block: string(data)}}, nil
		}); err != nil {
			return ui.Look{}, err
		}
	}
	for _, tag := range sortedKeys(b.Texts) {
		if err := readPart(b.Texts[tag], func(data []byte) (ui.Look, error) {
			texts, err := parseTexts(data)
			if parsed, err := language.Parse(tag); err == nil {
				tag = parsed.String()
			}
			look.Texts[tag] = texts
			return ui.Look{Texts: map[string]map[string]string{tag: texts}}, err
		}); err != nil {
			return ui.Look{}, err
		}
	}
	return look, nil
}

// readPart reads a file, and judges what it makes of an otherwise plain look.
func readPart(path string, take func([]byte) (ui.Look, error)) error {
	data, err := readBrandFile(path)
	if err != nil {
		return err
	}
	part, err := take(data)
	if err != nil {
		return fmt.Errorf("brand: %s: %w", path, err)
	}
	return judge(path+": ", part)
}

func judge(of string, part ui.Look) error {
	if _, err := ui.NewStyle(part); err != nil {
		return fmt.Errorf("brand: %s%w", of, err)
	}
	return nil
}

func readBrandFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading a file of the brand: %w: write its path as seen from the Caddyfile, and let Caddy read it", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading a file of the brand: %s is no file", path)
	}
	data, err := io.ReadAll(io.LimitReader(file, ui.MaxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading a file of the brand: %w", err)
	case len(data) > ui.MaxFile:
		return nil, fmt.Errorf("reading a file of the brand: %s has more than %d kB: make it smaller", path, ui.MaxFile>>10)
	}
	return data, nil
}

// see notes what a file holds now.
func (b *Brand) see(path string) error {
	data, err := readBrandFile(path)
	if err != nil {
		return err
	}
	if b.Seen == nil {
		b.Seen = make(map[string]string)
	}
	sum := sha256.Sum256(data)
	b.Seen[path] = hex.EncodeToString(sum[:8])
	return nil
}

// over is a look with what it does not say taken from another. What belongs together goes
// together: a logo of its own is not mixed with another's dark one.
func over(own, base ui.Look) ui.Look {
	if own.Accent == "" {
		own.Accent, own.AccentDark = base.Accent, base.AccentDark
	}
	if own.Logo == nil {
		own.Logo, own.LogoDark, own.LogoPlate = base.Logo, base.LogoDark, own.LogoPlate || base.LogoPlate
	}
	own.Radius = cmp.Or(own.Radius, base.Radius)
	own.Theme = cmp.Or(own.Theme, base.Theme)
	own.CSS = cmp.Or(own.CSS, base.CSS)
	own.Help, own.Privacy = cmp.Or(own.Help, base.Help), cmp.Or(own.Privacy, base.Privacy)
	own.Terms, own.Accessibility = cmp.Or(own.Terms, base.Terms), cmp.Or(own.Accessibility, base.Accessibility)
	blocks := maps.Clone(base.Blocks)
	maps.Copy(blocks, own.Blocks)
	own.Blocks = blocks
	texts := maps.Clone(base.Texts)
	for tag, said := range own.Texts {
		all := make(map[string]string)
		maps.Copy(all, base.Texts[tag])
		maps.Copy(all, said)
		texts[tag] = all
	}
	own.Texts = texts
	return own
}

// provisionBrand makes the style of the handler's sites.
func (h *Handler) provisionBrand() error {
	h.style = h.app.style
	if h.Brand == nil {
		return nil
	}
	own, err := h.Brand.read()
	if err != nil {
		return err
	}
	if h.style, err = ui.NewStyle(over(own, h.app.look)); err != nil {
		return fmt.Errorf("brand: %w", err)
	}
	return nil
}

// brandName is the name that the sites' brand has, if it has one.
func (h *Handler) brandName() string {
	if h.Brand != nil && h.Brand.Name != "" {
		return h.Brand.Name
	}
	return h.app.Brand.Name
}
