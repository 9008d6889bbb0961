package caddymodule

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/stepgate/stepgate/ui"
)

// parseBrand reads a brand: the app's, which is whole, or a site's, which may build on it.
// Every line is judged when it is read, files included, so that an error names it.
func parseBrand(d *caddyfile.Dispenser, into **Brand, whole bool) error {
	check := (*Brand).check
	if whole {
		check = (*Brand).checkWhole
	}
	return parsePart(d, into, check, func(b *Brand) map[string]func() error {
		p := &brandParser{d, b}
		return map[string]func() error{
			"name":          func() error { return parseWord(d, &b.Name) },
			"accent":        p.accent,
			"logo":          p.logo,
			"logo_plate":    p.logoPlate,
			"radius":        p.radius,
			"theme":         p.word(&b.Theme, func(part *Brand) *string { return &part.Theme }),
			"css":           p.css,
			"template":      p.template,
			"texts":         p.texts,
			"help":          p.word(&b.Help, func(part *Brand) *string { return &part.Help }),
			"privacy":       p.word(&b.Privacy, func(part *Brand) *string { return &part.Privacy }),
			"terms":         p.word(&b.Terms, func(part *Brand) *string { return &part.Terms }),
			"accessibility": p.word(&b.Accessibility, func(part *Brand) *string { return &part.Accessibility }),
		}
	})
}

// checkWhole is check for a brand that builds on no other.
func (b *Brand) checkWhole() error {
	if err := b.check(); err != nil || !b.LogoPlate || b.Logo != "" {
		return err
	}
	return errNoLogo
}

type brandParser struct {
	*caddyfile.Dispenser
	brand *Brand
}

// judge judges what one line says.
func (p *brandParser) judge(part *Brand) error {
	_, err := part.read()
	return wrap(p.Dispenser, err)
}

// file is the path of a file that the Caddyfile names, from where Caddy runs.
func (p *brandParser) file(name string) (string, error) {
	if name == "" {
		return "", p.Err("the file has no name")
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(p.File()), name)
	}
	return name, wrap(p.Dispenser, p.brand.see(name))
}

// oneOrTwo reads the one or two values of an option that may be given once.
func (p *brandParser) oneOrTwo(what string, first string) ([]string, error) {
	option := p.Val()
	if first != "" {
		return nil, repeated(p.Dispenser, option)
	}
	args := p.RemainingArgs()
	if len(args) == 0 {
		return nil, p.Errf("%s has no value: %s", option, what)
	}
	if len(args) > 2 {
		return nil, p.Errf("unexpected %q after %s: %s", args[2], option, what)
	}
	return append(args, "")[:2], parseEnd(p.Dispenser, option)
}

// accent reads colours with or without the #, since an unquoted # begins a comment.
func (p *brandParser) accent() error {
	if p.brand.Accent == "" && p.CountRemainingArgs() == 0 {
		return p.Err("accent has no value; an unquoted # begins a comment, so write accent 0b5d51 or accent \"#0b5d51\"")
	}
	colours, err := p.oneOrTwo("write a colour, and another one for the dark scheme if you like", p.brand.Accent)
	if err != nil {
		return err
	}
	for i, into := range []*string{&p.brand.Accent, &p.brand.AccentDark} {
		if colours[i] == "" {
			continue
		}
		*into = "#" + strings.TrimPrefix(colours[i], "#")
		if err := checkAccent(*into); err != nil {
			return p.WrapErr(err)
		}
	}
	return nil
}

func (p *brandParser) logo() error {
	files, err := p.oneOrTwo("write the picture's file, and another one for the dark scheme if you like", p.brand.Logo)
	if err != nil {
		return err
	}
	part := new(Brand)
	if part.Logo, err = p.file(files[0]); err != nil {
		return err
	}
	if files[1] != "" {
		if part.LogoDark, err = p.file(files[1]); err != nil {
			return err
		}
	}
	p.brand.Logo, p.brand.LogoDark = part.Logo, part.LogoDark
	return p.judge(part)
}

func (p *brandParser) logoPlate() error {
	if p.brand.LogoPlate {
		return repeated(p.Dispenser, "logo_plate")
	}
	p.brand.LogoPlate = true
	return parseEnd(p.Dispenser, "logo_plate")
}

func (p *brandParser) radius() error {
	var word string
	if p.brand.Radius != nil {
		return repeated(p.Dispenser, "radius")
	}
	if err := parseWord(p.Dispenser, &word); err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(word, "px"))
	if err != nil {
		return p.Errf("radius must be a number of pixels from 0 to 16, not %q", word)
	}
	p.brand.Radius = &n
	return p.judge(&Brand{Radius: &n})
}

// word reads one word that is judged by itself.
func (p *brandParser) word(into *string, of func(*Brand) *string) func() error {
	return func() error {
		if err := parseWord(p.Dispenser, into); err != nil {
			return err
		}
		part := new(Brand)
		*of(part) = *into
		return p.judge(part)
	}
}

func (p *brandParser) css() error {
	var name string
	if p.brand.CSS != "" {
		return repeated(p.Dispenser, "css")
	}
	err := parseWord(p.Dispenser, &name)
	if err != nil {
		return err
	}
	if p.brand.CSS, err = p.file(name); err != nil {
		return err
	}
	return p.judge(&Brand{CSS: p.brand.CSS})
}

func (p *brandParser) template() error {
	blocks := alternatives(ui.BlockNames)
	block, path, err := p.keyAndFile("template", "block: use "+blocks, p.brand.Templates)
	if err != nil {
		return err
	}
	if !slices.Contains(ui.BlockNames, block) {
		return p.Errf("unknown block %q: use %s", block, blocks)
	}
	return p.putFile(&p.brand.Templates, block, path, func(files map[string]string) *Brand { return &Brand{Templates: files} })
}

func (p *brandParser) texts() error {
	tag, path, err := p.keyAndFile("texts", "language, such as texts de texts-de.json", p.brand.Texts)
	if err != nil {
		return err
	}
	return p.putFile(&p.brand.Texts, tag, path, func(files map[string]string) *Brand { return &Brand{Texts: files} })
}

// keyAndFile reads an option that names a file for a key.
func (p *brandParser) keyAndFile(option, example string, known map[string]string) (key, path string, err error) {
	if !p.NextArg() {
		return "", "", p.Errf("%s names no %s", option, example)
	}
	key = p.Val()
	if !p.NextArg() {
		return "", "", p.Errf("%s %s names no file", option, key)
	}
	path = p.Val()
	if _, twice := known[key]; twice {
		return "", "", p.Errf("%s %s is given twice: keep one", option, key)
	}
	return key, path, parseEnd(p.Dispenser, option)
}

func (p *brandParser) putFile(into *map[string]string, key, name string, part func(map[string]string) *Brand) error {
	path, err := p.file(name)
	if err != nil {
		return err
	}
	if *into == nil {
		*into = make(map[string]string)
	}
	(*into)[key] = path
	return p.judge(part(map[string]string{key: path}))
}
