package ui

import (
	"testing"

	"golang.org/x/net/html/atom"
)

// On a bad connection each kilobyte and each request is a wait: what a first visit loads
// is counted as it is sent.
func TestAFirstPageIsShownAfterTwoSmallAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.get("/sign-in?return_to=%2Freports").status(200)
	html := len(newAsset("page.html", "text/html", []byte(page.body)).gzip)
	css := len(w.pages.assets.css.gzip)
	if html+css > 8000 {
		t.Errorf("HTML and CSS are %d bytes, which is over 8 kB", html+css)
	}
	d := parsePage(t, page.body)
	blocking := 0
	for _, n := range d.tags(atom.Link) {
		if attr(n, "rel") == "stylesheet" {
			blocking++
		}
	}
	for _, n := range d.tags(atom.Script) {
		if !has(n, "defer") {
			blocking++
		}
	}
	if n := len(d.tags(atom.Img, atom.Iframe)); blocking != 1 || n != 0 {
		t.Errorf("%d requests keep the page from showing, and %d more come with it", blocking, n)
	}
}
