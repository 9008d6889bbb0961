package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/stepgate/stepgate/ui/lang"
)

//go:embed assets templates
var files embed.FS

// An asset is a static file. Its name holds its hash, so it never changes and may
// be kept for ever, unless applications must know its name.
type asset struct {
	name        string
	stable      bool // the name is without the hash
	contentType string
	etag        string
	plain, gzip []byte // gzip is nil where packing gains nothing
}

// assets are the static files of one site.
type assets struct {
	css, script, icon *asset
	logo, logoDark    *asset            // nil: there is none
	stepUp            map[string]*asset // for applications, by language
	byName            map[string]*asset
}

func newAssets(brand string, style *Style, l *lang.Language) (*assets, error) {
	shared, err := common()
	if err != nil {
		return nil, fmt.Errorf("reading assets: %w", err)
	}
	a := &assets{
		css:    newAsset("stepgate.css", "text/css; charset=utf-8", style.stylesheet(shared.css)),
		script: shared.script,
		icon:   newAsset("icon.svg", svgType, icon(brand, style.accent)),
	}
	if a.stepUp, err = stepUpScripts(style.bundle); err != nil {
		return nil, fmt.Errorf("reading assets: %w", err)
	}
	a.byName = map[string]*asset{a.css.name: a.css, a.script.name: a.script, a.icon.name: a.icon, stepUpName: a.stepUp[l.Tag]}
	a.logo, a.logoDark = style.logo.asset("logo"), style.logoDark.asset("logo-dark")
	for _, logo := range []*asset{a.logo, a.logoDark} {
		if logo != nil {
			a.byName[logo.name] = logo
		}
	}
	return a, nil
}

// common is what all sites share: the stylesheet without an accent, and the script.
var common = sync.OnceValues(func() (both struct {
	css    []byte
	script *asset
}, err error) {
	css, err := files.ReadFile("assets/stepgate.css")
	if err != nil {
		return both, err
	}
	script, err := files.ReadFile("assets/stepgate.js")
	if err != nil {
		return both, err
	}
	both.css = minify(string(css))
	both.script = newAsset("stepgate.js", "text/javascript; charset=utf-8", script)
	return both, nil
})

func newAsset(name, contentType string, data []byte) *asset {
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:8])
	ext := path.Ext(name)
	f := &asset{
		name:        strings.TrimSuffix(name, ext) + "." + hash + ext,
		contentType: contentType,
		etag:        `"` + hash + `"`,
		plain:       data,
	}
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	z.Write(data) // a bytes.Buffer takes everything
	z.Close()
	f.gzip = packed.Bytes()
	return f
}

func (f *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if f.stable {
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin") // the application may be of another
	}
	if f.contentType == svgType {
		h.Set("Content-Security-Policy", pictureCSP)
	}
	h.Set("Vary", "Accept-Encoding")
	if f.stable {
		h.Set("Vary", "Accept-Encoding, Accept-Language, Cookie")
	}
	etag, body := f.etag, f.plain
	if f.gzip != nil && accepts(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		etag, body = strings.TrimSuffix(f.etag, `"`)+`-gz"`, f.gzip
	}
	h.Set("ETag", etag)
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// accepts reads a header like Accept or Accept-Encoding: a name with q=0 is refused.
func accepts(header, name string) bool {
	for item := range strings.SplitSeq(header, ",") {
		item, params, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(item), name) {
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.ReplaceAll(params, " ", ""), "q="), 64)
			return err != nil || q > 0
		}
	}
	return false
}

var (
	cssComment = regexp.MustCompile(`(?s)/\*.*?\*/`)
	cssSpace   = regexp.MustCompile(`\s+`)
	cssAround  = regexp.MustCompile(` ?([{};,>]) ?`)
)

// minify makes a stylesheet smaller. It knows only our own: no strings with spaces
// beside punctuation, and no selector that needs a space before a colon.
func minify(css string) []byte {
	css = cssComment.ReplaceAllString(css, "")
	css = cssSpace.ReplaceAllString(css, " ")
	css = cssAround.ReplaceAllString(css, "$1")
	css = strings.ReplaceAll(css, ": ", ":")
	css = strings.ReplaceAll(css, ";}", "}")
	return []byte(strings.TrimSpace(css))
}

// icon is the brand's first letter on a tile of its colour.
func icon(brand string, accent rgb) []byte {
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="%v"/>`+
		`<text x="16" y="22.5" font-family="system-ui,sans-serif" font-size="18" font-weight="650" text-anchor="middle" fill="%v">%s</text></svg>`,
		accent, derive(accent, lightScheme).on, html.EscapeString(letterOf(brand)))
}
