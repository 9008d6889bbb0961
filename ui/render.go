package ui

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"sync"
)

var parseTemplates = sync.OnceValues(func() (*template.Template, error) {
	return template.New("").Option("missingkey=error").ParseFS(files, "templates/*.html")
})

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// write renders a page, whole or not at all.
func (p *Pages) write(w http.ResponseWriter, r *http.Request, status int, pg *page) error {
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	p.offerLanguages(pg, r)
	if err := execute(buf, pg); err != nil {
		return fmt.Errorf("rendering page %s: %w", pg.Name, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", pg.L.Tag)
	h.Set("Content-Length", strconv.Itoa(buf.Len()))
	h.Set("Link", "<"+p.face.Stylesheet+">; rel=preload; as=style")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(buf.Bytes())
	}
	return nil
}

func execute(buf *bytes.Buffer, pg *page) error {
	templates, err := parseTemplates()
	if err != nil {
		return err
	}
	return templates.ExecuteTemplate(buf, pg.Template, pg)
}

// show answers with a page.
func (c *call) show(status int, pg *page) {
	if err := c.write(c.w, c.r, status, pg); err != nil {
		c.fault(err)
	}
}
