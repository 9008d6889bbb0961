package ui

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// What was typed into a form that is refused comes back with the page that says what is
// wrong, at an address of its own: going back and reloading then never asks whether to send
// a form again. It travels in that address, sealed for this browser and this page, so that
// neither history, logs nor whoever is sent the link can read it. Passwords are never in it,
// and a code only where it cannot be one.

const (
	typedLabel = "typed"
	typedLife  = 10 * time.Minute
	// mostTyped bounds what is sealed, in bytes: with it, an address stays well below the 8
	// KiB that servers on the way take.
	mostTyped = 3000
)

// typedFields are the fields of each page that are worth showing again. Names that end in
// _ begin the names of several.
var typedFields = map[string][]string{
	"/sign-in": {"email"}, "/sign-up": {"email"}, "/reset": {"email"}, "/password": {"email"},
	"/code": {"code"}, "/phone": {"tel"}, "/email": {"email"}, "/attributes": {attributeKey("")},
	accountPath + "/profile": {attributeKey("")},
}

// typed is what was typed, and which attributes are to blame.
type typed struct {
	At     time.Time         `json:"at"`
	Fields map[string]string `json:"fields"`
	Names  []string          `json:"names,omitempty"`
}

func (t typed) get(name string) string { return t.Fields[name] }

// takeTyped takes from the posted form what may be shown again on the page at path.
func (c *call) takeTyped(path string) typed {
	t := typed{Fields: map[string]string{}}
	for name := range c.form {
		for _, known := range typedFields[path] {
			if name == known || strings.HasSuffix(known, "_") && strings.HasPrefix(name, known) {
				t.Fields[name] = c.form.get(name)
			}
		}
	}
	return t
}

// sealTyped returns what was typed for the address of the page at path. It is not ok where
// that is too much, or cannot be sealed.
func (c *call) sealTyped(path string, t typed) (sealed string, ok bool) {
	t.At = c.Now()
	plain, err := json.Marshal(t)
	if err != nil || len(plain) > mostTyped || c.caller.Browser == "" {
		return "", false
	}
	box, err := c.Keys.Seal(typedLabel, plain, c.typedFor(path))
	if err != nil {
		return "", false
	}
	return base64.RawURLEncoding.EncodeToString(box), true
}

// openTyped reads what the address says was typed. Whatever this browser did not type on
// this page lately is as good as nothing.
func (c *call) openTyped(path string) (t typed) {
	raw := c.query.get("typed")
	if raw == "" || len(raw) > 2*mostTyped || c.caller.Browser == "" {
		return typed{}
	}
	box, err := base64.RawURLEncoding.DecodeString(raw)
	if err != nil {
		return typed{}
	}
	plain, err := c.Keys.Open(typedLabel, box, c.typedFor(path))
	if err != nil || json.Unmarshal(plain, &t) != nil || c.Now().Sub(t.At) > typedLife {
		return typed{}
	}
	return t
}

// withoutTyped is an address without what was typed, for where it would only make it long.
func withoutTyped(address string) string {
	path, query, ok := strings.Cut(address, "?")
	if !ok || !strings.Contains(query, "typed=") {
		return address
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return address
	}
	values.Del("typed")
	return path + "?" + values.Encode()
}

func (c *call) typedFor(path string) string {
	return c.caller.Browser + " " + c.Site.Origin + " " + path + " " + c.query.get("f")
}
