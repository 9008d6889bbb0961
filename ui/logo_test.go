package ui

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows"
)

func onePixel(t testing.TB) []byte { return pngOf(t, 1, 1) }

func pngOf(t testing.TB, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	picture.Set(0, 0, color.White)
	if err := jpeg.Encode(&b, picture, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func svg(attributes, content string) []byte {
	return []byte(`<?xml version="1.0"?><!-- drawn --><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ` + attributes + `>` + content + `</svg>`)
}

// webp is the beginning of a file, which is all that is read of it.
func webp(kind string, head ...byte) []byte {
	data := append([]byte("RIFF\x20\x00\x00\x00WEBP"+kind+"\x14\x00\x00\x00"), head...)
	return append(data, make([]byte, 20)...)
}

func TestALogoIsKnownByWhatIsInIt(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		data          []byte
		kind          string
		width, height int
	}{
		"a png":                 {pngOf(t, 64, 64), "image/png", 32, 32},
		"a wide png":            {pngOf(t, 400, 20), "image/png", 192, 10},
		"a jpeg":                {jpegOf(t, 30, 60), "image/jpeg", 16, 32},
		"an svg with a viewBox": {svg(`viewBox="0 0 240 64"`, `<path d="M0 0"/>`), svgType, 120, 32},
		"an svg with a size":    {svg(`width="10px" height="20"`, ""), svgType, 16, 32},
		"an svg with styles":    {svg(`viewBox="0,0,1,1"`, `<style>path{fill:red}</style><use href="#a"/>`), svgType, 32, 32},
		"a lossy webp":          {webp("VP8 ", 0, 0, 0, 0x9d, 0x01, 0x2a, 100, 0, 50, 0), "image/webp", 64, 32},
		"a lossless webp":       {webp("VP8L", 0x2f, 63, 0xC0, 0x07, 0), "image/webp", 64, 32},
		"an extended webp":      {webp("VP8X", 0, 0, 0, 0, 199, 0, 0, 99, 0, 0), "image/webp", 64, 32},
	} {
		l, err := readLogo(c.data)
		if err != nil || l.kind != c.kind || l.width != c.width || l.height != c.height {
			t.Errorf("%s: %+v, %v", what, l, err)
		}
	}
}

func TestWhatIsNoLogoIsRefusedWithTheRemedy(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		data   []byte
		remedy string
	}{
		"a gif":                  {[]byte("GIF89a\x01\x00\x01\x00"), "PNG, SVG, WebP nor JPEG"},
		"a page":                 {[]byte("<!doctype html><p>"), "PNG, SVG, WebP nor JPEG"},
		"half a png":             {pngOf(t, 64, 64)[:60], "image/png"},
		"half a jpeg":            {jpegOf(t, 64, 64)[:300], "image/jpeg"},
		"a png for a wall":       {pngOf(t, 2049, 1), "at most 2048 by 2048"},
		"a large file":           {append(onePixel(t), make([]byte, MaxFile)...), "make it smaller"},
		"an odd webp":            {webp("ANIM"), "none that WebP has"},
		"a short webp":           {[]byte("RIFF....WEBPVP8L"), "ends too early"},
		"a flat webp":            {webp("VP8 ", 0, 0, 0, 0x9d, 0x01, 0x2a, 0, 0, 0, 0), "measures 0 by 0"},
		"an svg of no size":      {svg("", ""), "add a viewBox"},
		"an svg of size zero":    {svg(`viewBox="0 0 0 10"`, ""), "add a viewBox"},
		"an endless svg":         {svg(`viewBox="0 0 1e400 10"`, ""), "add a viewBox"},
		"an svg cut off":         {svg(`viewBox="0 0 9 9"`, "")[:135], "image/svg+xml"},
		"an svg with a script":   {svg(`viewBox="0 0 9 9"`, "<script>alert(1)</script>"), "<script>"},
		"an svg with a handler":  {svg(`viewBox="0 0 9 9" onload="alert(1)"`, ""), "onload"},
		"an svg with a page":     {svg(`viewBox="0 0 9 9"`, "<foreignObject/>"), "<foreignobject>"},
		"an svg that fetches":    {svg(`viewBox="0 0 9 9"`, `<image xlink:href="https://example.com/x.png"/>`), "put everything into the file"},
		"an svg with entities":   {[]byte(`<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>`), "plain SVG"},
		"an svg of another kind": {[]byte(`<svg viewBox="0 0 9 9"/>`), "xmlns"},
	} {
		if l, err := readLogo(c.data); err == nil || !strings.Contains(err.Error(), c.remedy) {
			t.Errorf("%s: %+v, %v", what, l, err)
		}
	}
}

func TestTheLogoStandsBesideTheNameAndMailsLoadNone(t *testing.T) {
	t.Parallel()
	light, dark := svg(`viewBox="0 0 240 64"`, ""), pngOf(t, 64, 64)
	for what, c := range map[string]struct {
		look Look
		want string
	}{
		"one":                {Look{Logo: light}, `<img class="logo" src="LIGHT" width="120" height="32" alt=""> Harbour Mutual</a>`},
		"one for each":       {Look{Logo: light, LogoDark: dark}, `<picture><source media="(prefers-color-scheme: dark)" srcset="DARK" width="32" height="32"><img class="logo" src="LIGHT" width="120" height="32" alt=""></picture> Harbour`},
		"the light one only": {Look{Logo: light, LogoDark: dark, Theme: ThemeLight}, `<a class="brand" href="/"><img class="logo" src="LIGHT" width`},
		"the dark one only":  {Look{Logo: light, LogoDark: dark, Theme: ThemeDark}, `<a class="brand" href="/"><img class="logo" src="DARK" width`},
		"on a plate":         {Look{Logo: light, LogoPlate: true}, `<img class="logo plate" src="LIGHT"`},
		"no plate by day":    {Look{Logo: light, LogoPlate: true, Theme: ThemeLight}, `<img class="logo" src="LIGHT"`},
	} {
		w := worldOf(t, c.look)
		want := strings.ReplaceAll(c.want, "LIGHT", w.pages.assetURL(w.pages.assets.logo))
		if w.pages.assets.logoDark != nil {
			want = strings.ReplaceAll(want, "DARK", w.pages.assetURL(w.pages.assets.logoDark))
		}
		t.Log(what)
		w.get("/sign-in").says(want).saysNot(`class="mark"`)
		if css := string(w.pages.assets.css.plain); strings.Contains(css, ".plate") != strings.Contains(want, "plate") || !strings.Contains(css, ".logo") {
			t.Errorf("%s: the stylesheet does not fit", what)
		}
		mail, err := Compose(aLetter(flows.CodeSignIn), styled(c.look))
		if err != nil || strings.Contains(mail.HTML, "<img") || strings.Contains(mail.HTML, "url(") || !strings.Contains(mail.HTML, ">H</span>Harbour Mutual") {
			t.Errorf("%s: the mail is %s (%v)", what, mail.HTML, err)
		}
	}
}

// Somebody may open the picture by itself: it then is a page of the site.
func TestAPictureThatIsOpenedRunsNothing(t *testing.T) {
	t.Parallel()
	w := worldOf(t, Look{Logo: svg(`viewBox="0 0 240 64"`, ""), LogoDark: pngOf(t, 64, 64)})
	for _, f := range []*asset{w.pages.assets.logo, w.pages.assets.icon} {
		a := w.get("/assets/" + f.name).status(200)
		if got := a.Header.Values("Content-Security-Policy"); len(got) != 1 || got[0] != "default-src 'none'; style-src 'unsafe-inline'; sandbox" ||
			a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Content-Type") != "image/svg+xml" {
			t.Errorf("%s: %v", f.name, a.Header)
		}
	}
	r := w.request("GET", "/assets/"+w.pages.assets.logoDark.name, nil)
	r.Header.Set("Accept-Encoding", "gzip")
	a := w.do(r).status(200)
	if a.Header.Get("Content-Type") != "image/png" || a.Header.Get("Content-Encoding") != "" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the png: %v", a.Header)
	}
}
