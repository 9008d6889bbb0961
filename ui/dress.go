package ui

import "html/template"

// dressing is what a look adds to every page of a site.
type dressing struct {
	links
	Theme
	Logo, LogoDark *picture // nil: there is none, or the scheme is never dark
	blocks         *rendered
}

// A picture is a logo as a page shows it.
type picture struct {
	URL           string
	Width, Height int
	Plate         bool
}

// dress puts the look on the site's pages. An error is a block that does not fit.
func (p *Pages) dress() error {
	s := p.Style
	d := dressing{links: s.links, Theme: s.theme}
	if s.logo != nil {
		d.Logo = &picture{p.assetURL(p.assets.logo), s.logo.width, s.logo.height, s.plate && s.theme != ThemeLight}
	}
	if s.logoDark != nil && s.theme != ThemeLight {
		d.LogoDark = &picture{p.assetURL(p.assets.logoDark), s.logoDark.width, s.logoDark.height, false}
		if s.theme == ThemeDark {
			d.Logo, d.LogoDark = d.LogoDark, nil
		}
	}
	p.face.dressing = d
	if len(s.blocks) == 0 {
		return nil
	}
	var err error
	p.face.blocks, err = s.wear(p.face)
	return err
}

// Block is what the operator put at a place of the page, or nothing.
func (pg *page) Block(place string) template.HTML {
	return pg.blocks.html(place, pg.L.Tag, pg.Name)
}
