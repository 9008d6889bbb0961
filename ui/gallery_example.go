package ui

import (
	"net/http"
	"regexp"
	"time"

	"github.com/stepgate/stepgate/flows"
)

// noon is the moment at which every scene plays.
var noon = time.Date(2026, 8, 4, 14, 20, 0, 0, time.UTC)

// Whoever is in the scenes: an address that is nobody's, what a mail's link carries, and
// the ids of a decision and of a kept form.
const (
	exampleEmail = "dana.okafor@harbour.example"
	aToken       = "Zk3v9-aQ_81xZk3v9aQ81xZk3v9aQ81xZk3v9aQ81xA"
	someDecision = "2a3b4c5d6e7f"
	someHeld     = "Zm9ybXMgYXJlIGtlcHQgaA"
)

// exampleSite is a site where all is possible.
func exampleSite() *flows.Site {
	return &flows.Site{
		Origin: "https://payroll.harbour.example", Prefix: "/.auth", Name: "Payroll", Brand: "Harbour Mutual",
		EmailCode: true, Password: true, SMS: true, SignUp: flows.SignUpOpen,
	}
}

// someAttributes are three that must be given and three that need not, of every type.
func someAttributes() []flows.Attribute {
	return []flows.Attribute{
		{Name: "givenName", Label: "First name", Type: flows.AttributeText, Required: true},
		{Name: "surname", Label: "Last name", Type: flows.AttributeText, Required: true},
		{Name: "agree", Label: "Do you agree to the house rules?", Type: flows.AttributeBoolean, Required: true},
		{Name: "number", Label: "Customer number", Type: flows.AttributeText, Pattern: regexp.MustCompile(`\A(?:[0-9]{8})\z`), Rule: "[0-9]{8}"},
		{Name: "age", Label: "Years with us", Type: flows.AttributeInteger},
		{Name: "mail", Label: "May we send you news?", Type: flows.AttributeBoolean},
	}
}

// otherAttributes are more than fit on one page together with these.
func otherAttributes() []flows.Attribute {
	return []flows.Attribute{
		{Name: "jobTitle", Label: "Position", Type: flows.AttributeText},
		{Name: "city", Label: "City", Type: flows.AttributeText, Required: true},
	}
}

func labelled(c *Config) {
	c.Label = func(_ *http.Request, t flows.Target) string {
		if t.ReturnTo == "/bank" {
			return "Bank details"
		}
		return ""
	}
}

func fromHere(r *http.Request) { r.RemoteAddr = "127.0.0.1:54321" }
