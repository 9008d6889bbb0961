package ui

import (
	"net/http"
	"strings"

	"github.com/stepgate/stepgate/flows"
)

// effortFields are the forms that can be asked for an effort, by their addresses, with the
// fields that are sent again with it. Never a password, and never a code: nobody who has
// given one that is right is a stranger, so nothing more is asked of them.
var effortFields = map[string][]string{
	"/sign-in":  {"email", "way"},
	"/sign-up":  {"email"},
	"/reset":    {"email"},
	"/password": {"email", "do", "way"},
	"/code":     {"do", "way"},
	"/choose":   {"way"},
	"/phone":    {"tel"},
	"/step-up":  {"way"},
	"/enrol":    {},
	"/email":    {"email"},
}

// An effortView is what the page for an effort needs.
type effortView struct {
	Puzzle string
	Kept   []field
	// Password says that the password has to be typed again; Auto that the form is sent as
	// soon as the puzzle is solved.
	Password, Auto bool
	Wait           int // seconds until the form is taken without a solution
}

type field struct{ Name, Value string }

// askEffort shows the form that was sent once more, with the puzzle that goes with it. It
// is no error, so it is answered like a next step: whatever stands between the browser and
// us, and whoever counts errors, lets it alone.
func (c *call) askEffort(r *flows.Refusal, v flows.View) {
	path := strings.TrimPrefix(c.r.URL.Path, c.Site.Prefix)
	names, known := effortFields[path]
	password := path == "/password" && c.form.get("do") == "" && c.form.get("way") == ""
	if !known || path == "/code" && c.form.get("do") == "" && c.form.get("way") == "" {
		c.refuseForm(&flows.Refusal{Code: flows.Busy, Wait: r.Wait, Left: -1}, v)
		return
	}
	// A browser whose effort was not taken may be one whose network changes from one
	// request to the next: it asks the person before it goes on.
	e := &effortView{Puzzle: r.Puzzle, Password: password, Auto: !password && c.form.get("effort") == "", Wait: ceil(r.Wait, 1e9)}
	for _, name := range names {
		if value := c.form.get(name); value != "" {
			e.Kept = append(e.Kept, field{name, value})
		}
	}
	pg := c.newPage("effort", "effort", must(c.lang.Text("effort.title")), v.Kind)
	pg.View, pg.Effort = v, e
	pg.Email = firstNonEmpty(c.form.get("email"), v.Email)
	pg.Action = c.url(path, c.target, "f", v.Flow)
	c.show(http.StatusOK, pg)
}
