package ui

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows"
)

// aHeldForm was sent when a proof had run out.
func aHeldForm() flows.HeldForm {
	return flows.HeldForm{
		URL: "/transfer?to=3&x='(1)'|%41", ContentType: "application/x-www-form-urlencoded", Referer: "https://payroll.harbour.example/bank?page=2",
		Body: []byte("csrf=canary&amount=canary&n%C3%B6te=canary&amount=canary2"), Ends: noon.Add(9 * time.Minute),
	}
}

// labelledAction names what the form does, which is not where its page is.
func labelledAction(c *Config) {
	c.Label = func(_ *http.Request, t flows.Target) string {
		if t.Action == "POST "+aHeldForm().URL && t.ReturnTo == "/bank?page=2" {
			return "Bank details"
		}
		return ""
	}
}

func anEmptyForm() flows.HeldForm {
	f := aHeldForm()
	f.Body = nil
	return f
}

// aLongForm has many fields, some of them with names that try to be something else.
func aLongForm() flows.HeldForm {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for i := range 12 {
		fmt.Fprint(must(w.CreateFormField(fmt.Sprintf("lines[%d].description", i))), "canary")
	}
	fmt.Fprint(must(w.CreateFormFile("receipt", "canary.pdf")), strings.Repeat("canary", 20_000))
	for _, name := range []string{"<script>alert(1)</script>", "\u202egnp.exe", strings.Repeat("very-long-name-", 100), "\xff\xfe", "   "} {
		fmt.Fprint(must(w.CreateFormField(name)), "canary")
	}
	for i := range 10 {
		fmt.Fprint(must(w.CreateFormField(fmt.Sprintf("more%d", i))), "canary")
	}
	w.Close()
	return flows.HeldForm{
		URL: "/expenses", ContentType: w.FormDataContentType(), Referer: "https://evil.example/", Body: body.Bytes(), Ends: noon.Add(10 * time.Second),
	}
}

// holding has the site hold a form that was sent from a page of its own.
func holding(f flows.HeldForm) func(*stage) {
	return func(s *stage) {
		f.Referer = strings.Replace(f.Referer, exampleSite().Origin, s.pages.Site.Origin, 1)
		s.signedIn().engine.held = f
	}
}
