package ui

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
)

func TestEveryAttributeHasItsField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.now = with(viewOf(flows.SignUp, flows.AskAttributes), func(v *flows.View) {
		for _, name := range slices.Sorted(maps.Keys(autocomplete)) {
			v.Attributes = append(v.Attributes, flows.Attribute{Name: name, Label: "Label of " + name, Type: flows.AttributeText})
		}
		v.Attributes = append(v.Attributes,
			flows.Attribute{Name: "city2", Label: "Second city", Type: flows.AttributeText, Required: true},
			flows.Attribute{Name: "age", Label: "Age", Type: flows.AttributeInteger},
			flows.Attribute{Name: "x", Label: "X", Type: flows.AttributeText})
		v.Attributes[slices.IndexFunc(v.Attributes, func(a flows.Attribute) bool { return a.Name == "postalCode" })].Type = flows.AttributeInteger
		v.Given = map[string]string{"city": `Ö"rebro`, "age": "7"}
	})
	d := parsePage(t, w.get("/attributes?f=f8Q2k").status(200).body)
	d.checkStrict()
	d.checkForms()
	for name, want := range map[string]string{
		"displayName": "name", "givenName": "given-name", "surname": "family-name", "jobTitle": "organization-title",
		"streetAddress": "street-address", "x": "off", "postalCode": "off", "city": "address-level2", "state": "address-level1",
		"country": "country-name", "city2": "off", "age": "off",
	} {
		n := d.id("attribute-" + name)
		if got := attr(n, "autocomplete"); got != want || attr(n, "name") != "attribute_"+name || attr(n, "type") != "text" {
			t.Errorf("%s: autocomplete %q, name %q, type %q", name, got, attr(n, "name"), attr(n, "type"))
		}
		if has(n, "required") != (name == "city2") || (attr(n, "inputmode") == "numeric") != (name == "age" || name == "postalCode") {
			t.Errorf("%s: required %v, inputmode %q", name, has(n, "required"), attr(n, "inputmode"))
		}
	}
	if attr(d.id("attribute-city"), "value") != `Ö"rebro` || attr(d.id("attribute-age"), "value") != "7" {
		t.Error("what was given is not there")
	}
}

func TestAHintIsReadWithItsField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.now = with(viewOf(flows.SignUp, flows.AskAttributes), func(v *flows.View) {
		v.Attributes = []flows.Attribute{
			{Name: "number", Label: "Customer number", Hint: "Two letters, a hyphen, four digits", Type: flows.AttributeText},
			{Name: "agree", Label: "Agreed?", Hint: "They are on the wall", Type: flows.AttributeBoolean},
			{Name: "city", Label: "City", Type: flows.AttributeText},
		}
	})
	d := parsePage(t, w.get("/attributes?f=f8Q2k").status(200).body)
	d.checkStrict()
	if text(d.id("attribute-number-hint")) != "Two letters, a hyphen, four digits" || attr(d.id("attribute-number"), "aria-describedby") != "attribute-number-hint" {
		t.Error("the hint is not the field's")
	}
	if n := d.tags(atom.Fieldset); len(n) != 1 || attr(n[0], "aria-describedby") != "attribute-agree-hint" {
		t.Error("the hint is not the question's")
	}
	if has(d.id("attribute-city"), "aria-describedby") {
		t.Error("a field without a hint is described by something")
	}
}

// A field of the form that is called like a part of every form would hide it from scripts.
func TestNoAttributeIsAFieldOfAnotherKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.now = viewOf(flows.SignUp, flows.AskAttributes)
	for _, name := range []string{"action", "method", "dataset", "main", "problem", "do", "f", "lead"} {
		w.pages.Site.Attributes = append(w.pages.Site.Attributes, flows.Attribute{Name: name, Label: "x", Type: flows.AttributeText})
	}
	w.engine.now.Attributes = w.pages.Site.Attributes
	d := parsePage(t, w.get("/attributes?f=f8Q2k").body)
	d.checkSkeleton()
	for _, n := range d.tags(atom.Input) {
		if !strings.HasPrefix(attr(n, "name"), "attribute_") || !strings.HasPrefix(attr(n, "id"), "attribute-") {
			t.Errorf("a field %q with id %q", attr(n, "name"), attr(n, "id"))
		}
	}
}

// Radios cannot be taken back, and scripts may be off: leaving a question open is an
// answer of its own, and the one that is given at first.
func TestAQuestionCanBeLeftOpenWhereItMay(t *testing.T) {
	t.Parallel()
	checked := func(body, name string) (all []string, on string) {
		for _, n := range parsePage(t, body).tags(atom.Input) {
			if attr(n, "name") == "attribute_"+name {
				all = append(all, attr(n, "value"))
				if has(n, "checked") {
					on += attr(n, "value") + "!"
				}
			}
		}
		return all, on
	}
	page := seen(t, "attributes-mostly-optional").body
	if all, on := checked(page, "agree"); !slices.Equal(all, []string{"true", "false"}) || on != "" {
		t.Errorf("a required question offers %q, and %q is chosen", all, on)
	}
	if all, on := checked(page, "mail"); !slices.Equal(all, []string{"true", "false", ""}) || on != "!" {
		t.Errorf("an optional question offers %q, and %q is chosen", all, on)
	}
	again := seen(t, "attributes-wrong").body
	if _, on := checked(again, "mail"); on != "false!" {
		t.Errorf("after a refusal %q is chosen", on)
	}
}

func TestOnlyTheSmallerPartIsMarked(t *testing.T) {
	t.Parallel()
	seen(t, "attributes").says("<bdi>Customer number</bdi> <span class=\"small\">(optional)</span>", "<bdi>Years with us</bdi> <span class=\"small\">(optional)</span>").saysNot("(required)", "leave")
	seen(t, "attributes-mostly-optional").says("<bdi>Last name</bdi> <span class=\"small\">(required)</span>", "what isn’t marked as required").saysNot("(optional)")
	seen(t, "attributes-all-optional").says("You can leave any of it empty.").saysNot("(optional)", "(required)")
}

func TestTheFormIsHandedInWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pages.Site.Attributes = someAttributes()
	w.engine.next = viewOf(flows.SignUp, flows.Done)
	w.post("/attributes?f=f8Q2k&attribute_surname=No", "attribute_givenName", " Dana ", "attribute_agree", "true", "attribute_unknown", "x", "age", "9").leadsTo("/reports?year=2026")
	want := flows.GiveAttributes{Values: map[string]string{
		"givenName": " Dana ", "surname": "", "agree": "true", "number": "", "age": "", "mail": "",
	}}
	if !reflect.DeepEqual(w.engine.input, want) {
		t.Errorf("the engine got %#v", w.engine.input)
	}
}

func TestWhatIsWrongIsSaidAtTheFieldAndAbove(t *testing.T) {
	t.Parallel()
	one := seen(t, "attributes-one-missing").says("Fill in “Last name”", `value="Dana"`, `id="attribute-agree-yes" name="attribute_agree" value="true" checked`).saysNot(`id="problem"`)
	if n := parsePage(t, one.body).id("attribute-surname"); !has(n, "autofocus") || attr(n, "aria-invalid") != "true" {
		t.Error("the one field that is wrong has no focus")
	}
	question := seen(t, "attributes-not-answered").says("Choose yes or no for “Do you agree to the house rules?”", `<fieldset aria-describedby="attribute-agree-err">`)
	if !has(parsePage(t, question.body).id("attribute-agree-yes"), "autofocus") {
		t.Error("the question that is open has no focus")
	}

	several := seen(t, "attributes-wrong")
	d := parsePage(t, several.body)
	box := d.id("problem")
	var told []string
	for n := range box.Descendants() {
		if n.DataAtom == atom.A {
			told = append(told, attr(n, "href")+" "+text(n))
			if target := d.id(strings.TrimPrefix(attr(n, "href"), "#")); target.DataAtom != atom.Input {
				t.Errorf("%s leads to a %s", attr(n, "href"), target.Data)
			}
		}
	}
	if want := []string{
		"#attribute-givenName “First name” holds invisible characters. Delete it and type it again.",
		"#attribute-surname “Last name” must be 256 characters or fewer",
		"#attribute-agree-yes Choose yes or no for “Do you agree to the house rules?”", // which the engine would say next
		"#attribute-number “Customer number” isn’t in the form that Payroll expects. Check it for slips.",
		"#attribute-age “Years with us” must be a whole number, in digits only",
	}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
	if errs := d.all(func(n *html.Node) bool { return attr(n, "class") == "err" }); len(errs) != len(told) {
		t.Errorf("%d fields say what is wrong", len(errs))
	}
	several.says(`value="AB-12"`, `value="forty"`, strings.Repeat("x", 257))
}

// Whatever a person says of themselves goes into no address, where logs and other pages
// would find it.
func TestAttributesAreInNoAddress(t *testing.T) {
	t.Parallel()
	for _, code := range allRefusals {
		w := newWorld(t)
		w.pages.Site.Attributes = someAttributes()
		w.engine.now = viewOf(flows.SignUp, flows.AskAttributes)
		w.engine.now.Attributes, w.engine.err = someAttributes(), refused(code, -1)
		a := w.post("/attributes?f=f8Q2k", "attribute_givenName", "secret-word")
		if strings.Contains(a.Header.Get("Location"), "secret-word") || a.StatusCode == http.StatusOK {
			t.Errorf("%s: %d %s", code, a.StatusCode, a.Header.Get("Location"))
		}
	}
}

func TestSigningUpAsksForAttributesLast(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.pages.Site.Attributes = someAttributes()
	b := p.person()
	b.visits("/sign-up?return_to=%2Freports").fills("email", dana)
	b.fills("code", b.code(dana)).isAt("/.auth/new-password").page.says("Continue").saysNot("Create account")
	b.fills("new_password", "three words and one more").isAt("/.auth/attributes").page.says("Create account")
	at := b.at
	b.fills("attribute_givenName", "Dana", "attribute_age", "forty").page.status(200).says(
		"Fill in “Last name”", "Choose yes or no", "must be a whole number", `value="Dana"`, `value="forty"`)
	b.fills("attribute_givenName", "Dana", "attribute_surname", strings.Repeat("é", 257), "attribute_agree", "false").page.status(200).says("256 characters or fewer")
	b.fills("attribute_givenName", "Dana", "attribute_surname", "Okafor", "attribute_agree", "false", "attribute_number", "1234").page.status(200).says("isn’t in the form")
	b.send("GET", at, nil).page.status(200).says("Your details").saysNot("Okafor")
	b.fills("attribute_givenName", "Dana", "attribute_surname", "Okafor", "attribute_agree", "false", "attribute_age", "40").isAt("/reports")
	if b.jar[SessionCookie] == "" {
		t.Error("nobody is signed in")
	}
	b.send("POST", at, nil).isAt("/reports") // twice, or after going back
	b.send("GET", at, nil).isAt("/reports")

	other := p.person()
	other.visits("/sign-up").fills("email", "ana@harbour.example")
	other.fills("code", other.code("ana@harbour.example")).fills("do", "skip").isAt("/.auth/attributes")
	other.wait(61*time.Minute).fills("attribute_givenName", "Ana").page.status(410).says("This page has expired", "Start again")
}

func TestManyAttributesAreAskedForInPartsAndKeptBetweenThem(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for i := range 14 {
		p.pages.Site.Attributes = append(p.pages.Site.Attributes, flows.Attribute{
			Name: fmt.Sprintf("a%d", i), Label: fmt.Sprintf("Question %d", i), Type: flows.AttributeText, Required: i == 1 || i == 13,
		})
	}
	b := p.person()
	b.visits("/sign-up?return_to=%2Freports").fills("email", dana).fills("code", b.code(dana)).fills("do", "skip").isAt("/.auth/attributes")
	b.page.says("Part 1 of 3.", "Question 4", ">Continue<").saysNot("Question 5")
	b.fills("attribute_a0", "x").page.says("Fill in “Question 1”", `value="x"`)
	b.fills("attribute_a0", "x", "attribute_a1", "y").page.says("Part 2 of 3.", "Question 5", "Question 9").saysNot("Question 4")
	second := b.at
	b.fills("attribute_a6", strings.Repeat("z", 257)).page.says("256 characters or fewer", "Part 2 of 3.")
	b.fills("attribute_a6", "z").page.says("Part 3 of 3.", ">Create account<")
	b.send("GET", second, nil).page.says("Part 2 of 3.", `value="z"`) // going back loses nothing
	b.send("GET", strings.Replace(second, "part=2", "part=1", 1), nil).page.says("Part 1 of 3.", `value="y"`)
	b.fills("attribute_a0", "x2", "attribute_a1", "y").fills("attribute_a7", "").page.says("Part 3 of 3.")
	b.fills("attribute_a13", "last").isAt("/reports")
	account, err := p.engine.Account(t.Context(), dana)
	if err != nil || fmt.Sprint(account.Attributes) != "map[a0:x2 a1:y a13:last]" {
		t.Errorf("%v, %v", account.Attributes, err)
	}

	c := p.person() // who leaves out a part is sent back to it
	c.visits("/sign-up").fills("email", "ana@harbour.example").fills("code", c.code("ana@harbour.example")).fills("do", "skip")
	c.send("GET", c.at+"&part=3", nil).fills("attribute_a13", "last").page.says("Part 1 of 3.", "Fill in “Question 1”")
}

func TestLabelsKeepTheirOrderInATextThatRunsFromRightToLeft(t *testing.T) {
	t.Parallel()
	for lang, want := range map[string]string{"ar": "«\u2068Age?\u2069»", "de": "„Age?“"} {
		w := newWorld(t, func(c *Config) { c.Languages = nil })
		w.pages.Site.Attributes = []flows.Attribute{{Name: "age", Label: "Age?", Type: flows.AttributeInteger}}
		w.engine.now = with(viewOf(flows.SignUp, flows.AskAttributes), func(v *flows.View) { v.Attributes = w.pages.Site.Attributes })
		w.engine.err = &flows.Refusal{Code: flows.AttributesInvalid, Names: []string{"age"}, Left: -1}
		to := w.post("/attributes?f=f8Q2k", "attribute_age", "x").Header.Get("Location")
		r := w.request("GET", strings.TrimPrefix(to, "/.auth"), nil)
		r.Header.Set("Accept-Language", lang)
		w.do(r).says(want)
	}
}
