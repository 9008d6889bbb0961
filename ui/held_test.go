package ui

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
)

func TestAHeldFormIsShownByNamesAndNeverByValues(t *testing.T) {
	t.Parallel()
	seen(t, "continue").says("csrf", "amount", "nöte", "Bank details", "9 minutes").saysNot("canary", "(file)", "and more")
	a := seen(t, "continue-unnamed").says("lines[11].description", "receipt", "(file)", "&lt;script&gt;", "very-long-name-very", "…", "and more", "/expenses", "10 seconds").
		saysNot("canary", "<script>alert", "\u202e", "more9")
	if items := parsePage(t, a.body).tags(atom.Li); len(items) != mostNames+1 {
		t.Errorf("%d names are shown", len(items)-1)
	}
	seen(t, "continue-empty").saysNot("What’s in it")
}

func TestThePressPostsOneFieldToWhereTheFormWasGoing(t *testing.T) {
	t.Parallel()
	d := parsePage(t, seen(t, "continue").body)
	form := d.one(atom.Form)
	if attr(form, "action") != aHeldForm().URL || attr(form, "method") != "post" || attr(form, "enctype") != ContinueType {
		t.Errorf("the form goes to %q by %s as %s", attr(form, "action"), attr(form, "method"), attr(form, "enctype"))
	}
	var fields []string
	for _, n := range d.tags(atom.Input, atom.Button, atom.Textarea, atom.Select) {
		if name := attr(n, "name"); name != "" {
			fields = append(fields, name+"="+attr(n, "value"))
		}
	}
	if len(fields) != 1 {
		t.Fatalf("the form has the fields %q", fields)
	}
	body := fields[0] + "\r\n" // as browsers write text/plain
	if id, ok := Continues(body); !ok || id != someHeld || len(body) != ContinueSize {
		t.Errorf("the press %q is not taken for one", body)
	}
	for _, other := range []string{
		"", strings.TrimSpace(body), body + body, "x" + body, strings.Replace(body, "Z", "=", 1), strings.Replace(body, "Zm", "m", 1), strings.Replace(body, "Zm", "Z%6d", 1),
		strings.ToUpper(body), strings.Replace(body, "\r\n", "\n\n", 1),
	} {
		if _, ok := Continues(other); ok {
			t.Errorf("%q is taken for a press", other)
		}
	}
}

func TestTheWayBackLeadsToThePageWithTheForm(t *testing.T) {
	t.Parallel()
	seen(t, "continue").says(`href="/bank?page=2"`)
	seen(t, "continue-unnamed").says(`<a href="/">Go back`).saysNot("evil")
	seen(t, "continue-gone").says(`href="/bank"`)
	seen(t, "continue-sent").says(`href="/bank?page=2"`)
	w := newWorld(t)
	f := aHeldForm()
	for _, referer := range []string{"https://payroll.harbour.example/.auth/step-up", "https://payroll.harbour.example.evil.example/x", "https://payroll.harbour.example//evil.example", "%"} {
		f.Referer = referer
		holding(f)(w.stage)
		w.get("/continue?return_to=%2Fbank&held=" + someHeld).status(200).says(`href="/bank"`).saysNot("evil")
	}
}

func TestOnlySomebodyWhoIsSignedInSeesWhatIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.held = aHeldForm()
	a := w.get("/continue?return_to=%2Fbank&held=" + someHeld)
	if a.StatusCode != 303 || a.Header.Get("Location") != "/.auth/sign-in?held="+someHeld+"&return_to=%2Fbank" || len(w.engine.asked) != 0 {
		t.Errorf("%d to %q, asked %q", a.StatusCode, a.Header.Get("Location"), w.engine.asked)
	}
	w.signedIn().post("/continue?held=" + someHeld).status(405)
	if len(w.engine.asked) != 0 {
		t.Errorf("a POST asked the engine for %q", w.engine.asked)
	}
	r := w.request("GET", "/continue?held="+someHeld, nil)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.Header.Set("Sec-Fetch-Dest", "empty")
	if a := w.do(r).status(403); strings.Contains(a.body, "amount") {
		t.Error("a script reads what is held")
	}
	w.engine.lost = store.ErrFull
	w.get("/continue?held=" + someHeld).status(503).saysNot("amount")
}

func TestPagesOnTheWaySayThatTheFormIsKept(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"step-up-kept", "sign-in-kept"} {
		a := seen(t, name).says("is kept for up to 10 minutes").saysNot("couldn’t keep")
		for _, action := range formActions(parsePage(t, a.body)) {
			if !strings.Contains(action, "held="+someHeld) {
				t.Errorf("%s: the form goes to %s", name, action)
			}
		}
	}
	seen(t, "step-up-kept-stuck").saysNot("is kept")
}

func formActions(d document) (actions []string) {
	for _, form := range d.tags(atom.Form) {
		actions = append(actions, attr(form, "action"))
	}
	return actions
}

func TestWhatIsNoFormCannotBeHeld(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"application/x-www-form-urlencoded": true, "application/x-www-form-urlencoded; charset=UTF-8": true, "Multipart/Form-Data; boundary=x": true,
		"": false, "text/plain": false, "application/json": false, "multipart/form-data": false, "multipart/mixed; boundary=x": false,
		"multipart/form-data; boundary=" + strings.Repeat("x", 300): false, "multipart/form-data; boundary=\"": false, "application/x-www-form-urlencoded, text/plain": false,
	} {
		if HeldFormType(header) != want {
			t.Errorf("%q: not %v", header, want)
		}
	}
}

// However a form is made, looking at it stays cheap, and ends.
func TestNamesAreReadFromAnyForm(t *testing.T) {
	t.Parallel()
	multi := "multipart/form-data; boundary=x"
	for body, f := range map[string]flows.HeldForm{
		"":                                    {ContentType: multi},
		"--x":                                 {ContentType: multi},
		"--x\r\n\r\n":                         {ContentType: multi},
		"--x\r\nContent-Disposition: ;;\r\n":  {ContentType: multi},
		strings.Repeat("a&", 500_000):         {},
		strings.Repeat("&", 1<<20):            {},
		strings.Repeat("%", 1<<20):            {},
		strings.Repeat("%zz=&", 1000):         {},
		strings.Repeat("--x\r\n\r\n", 100000): {ContentType: multi},
	} {
		f.Body = []byte(body)
		names, more := fieldNames(f)
		if many := strings.Count(body, "&")+strings.Count(body, "\r\n\r\n") >= mostFields; more != many {
			t.Errorf("%.10q: there are more: %v", body, more)
		}
		for _, n := range names {
			if len(n.name) > 3*longestName {
				t.Errorf("%.10q: a name has %d bytes", body, len(n.name))
			}
		}
		if len(names) > mostNames {
			t.Errorf("%.10q has %d names", body, len(names))
		}
	}
}

func TestAFaultWhileLookingIsToldAsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t).signedIn()
	w.engine.lost = errors.New("a page is torn")
	w.get("/continue?held=" + someHeld).status(http.StatusInternalServerError).saysNot("torn")
}
