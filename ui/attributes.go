package ui

import (
	"html/template"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/stepgate/stepgate/flows"
)

// autocomplete is what browsers know a thing by. They fill in nothing else.
var autocomplete = map[string]string{
	flows.DisplayName: "name",
	"givenName":       "given-name",
	"surname":         "family-name",
	"jobTitle":        "organization-title",
	"streetAddress":   "street-address",
	"postalCode":      "postal-code",
	"city":            "address-level2",
	"state":           "address-level1",
	"country":         "country-name",
}

// attributeField is the form's field for one attribute.
type attributeField struct {
	flows.Attribute
	Key          string // of the form; its own, so that no attribute's name can be another field's
	ID           string
	Value        string
	Mark         string // whether it is required, where that is the exception or the rest is
	Autocomplete string
	Prefix       string // said before what is wrong
	Fault        string
	Focus        bool
}

// Question reports whether the field is answered with yes or no.
func (f *attributeField) Question() bool { return f.Type == flows.AttributeBoolean }

// Open reports whether the question is left unanswered.
func (f *attributeField) Open() bool { return f.Value != "true" && f.Value != "false" }

// Number reports whether the field takes digits.
func (f *attributeField) Number() bool { return f.Type == flows.AttributeInteger }

// Target is what the box of errors links to, and what has the focus.
func (f *attributeField) Target() string {
	if f.Question() {
		return f.ID + "-yes"
	}
	return f.ID
}

// Describers are the ids of what says more about the field.
func (f *attributeField) Describers() string {
	var ids []string
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	if f.Fault != "" {
		ids = append(ids, f.ID+"-err")
	}
	return strings.Join(ids, " ")
}

func attributeKey(name string) string { return "attribute_" + name }

func (c *call) attributesPage(v flows.View) *page {
	pg := c.stepOf(v, "attributes", must(c.lang.Text("attributes.title")))
	part, parts := c.part()
	if v.Kind == flows.Change { // what is known is looked through at once
		part, parts = 1, 1
	}
	pg.Action = c.partURL(v.Target, v.Flow, part)
	pg.Go, pg.Busy = pg.S("new_password.go"), pg.S("new_password.busy")
	if part < parts {
		pg.Go, pg.Busy = pg.S("attributes.next"), pg.S("moment")
	}
	required := 0
	for _, a := range v.Attributes {
		if a.Required {
			required++
		}
	}
	optional := len(v.Attributes) - required
	pg.Lead = pg.T("new_password.lead", "email", pg.strong(v.Email)) + " " + pg.T("attributes.lead", "app", pg.App)
	if v.Kind == flows.Change {
		pg.Lead = pg.T("stuck.account", "email", pg.strong(v.Email))
	}
	pg.Lead += pg.attributesLead(required, optional)
	asked := v.Attributes
	if parts > 1 {
		pg.Lead += " " + pg.T("attributes.part", "part", strconv.Itoa(part), "parts", strconv.Itoa(parts))
		asked = ofPart(asked, part)
	}
	for _, a := range asked {
		f := attributeField{
			Attribute: a, Key: attributeKey(a.Name), ID: "attribute-" + a.Name, Value: c.valueOf(v, a.Name),
			Autocomplete: "off", Prefix: pg.S("error.prefix"),
		}
		if token := autocomplete[a.Name]; token != "" && a.Type == flows.AttributeText {
			f.Autocomplete = token
		}
		switch { // only the smaller part is marked
		case !a.Required && optional <= required:
			f.Mark = pg.S("attributes.optional")
		case a.Required && required < optional:
			f.Mark = pg.S("attributes.required")
		}
		pg.Attributes = append(pg.Attributes, f)
	}
	return pg
}

// attributesLead says which answers may be left out, where that is most of them.
func (pg *page) attributesLead(required, optional int) template.HTML {
	switch {
	case required == 0:
		return " " + pg.T("attributes.all_optional")
	case required < optional:
		return " " + pg.T("attributes.most_optional")
	}
	return ""
}

// partSize is how many fields one page has at most: more are asked for in parts.
const partSize = 6

// part is which part of the attributes the address names, the first where it names none that
// there is, and how many there are.
func (c *call) part() (part, parts int) {
	parts = partCount(len(c.Site.Attributes))
	part, err := strconv.Atoi(c.query.get("part"))
	if err != nil || part < 1 || part > parts {
		part = 1
	}
	return part, parts
}

func partCount(n int) int { return max(1, (n+partSize-1)/partSize) }

// perPart is how many of n fields each part has: as many as the others, or nearly.
func perPart(n int) int { return max(1, (n+partCount(n)-1)/partCount(n)) }

func ofPart(all []flows.Attribute, part int) []flows.Attribute {
	each := perPart(len(all))
	from := min((part-1)*each, len(all))
	return all[from:min(from+each, len(all))]
}

func (c *call) partURL(t flows.Target, flow string, part int) string {
	number := ""
	if part > 1 {
		number = strconv.Itoa(part)
	}
	return c.url("/attributes", t, "f", flow, "part", number)
}

// partOf is the part that asks for an attribute.
func (c *call) partOf(name string) int {
	return max(0, slices.IndexFunc(c.Site.Attributes, func(a flows.Attribute) bool { return a.Name == name }))/perPart(len(c.Site.Attributes)) + 1
}

// postAttributes hands in one part: what is not in it was left open. The last one ends the
// step.
func (c *call) postAttributes() {
	part, parts := c.part()
	values := c.given(ofPart(c.Site.Attributes, part))
	if part == parts {
		c.submit(flows.GiveAttributes{Values: values})
		return
	}
	if !c.hasPlace() {
		return
	}
	v, err := c.engine.Submit(c.r.Context(), c.caller, c.query.get("f"), flows.GiveAttributes{Values: values, More: true})
	switch {
	case err != nil:
		c.fail(err, v)
	case v.Step != flows.AskAttributes:
		c.advance(v)
	default:
		c.redirect(c.partURL(v.Target, v.Flow, part+1))
	}
}

// given is what the form says of these attributes.
func (c *call) given(attributes []flows.Attribute) map[string]string {
	values := make(map[string]string, len(attributes))
	for _, a := range attributes {
		values[a.Name] = c.form.get(attributeKey(a.Name))
	}
	return values
}

// valueOf is what the field of an attribute shows: what was typed, or else what the flow
// has.
func (c *call) valueOf(v flows.View, name string) string {
	if len(c.typed.Fields) > 0 {
		return c.typed.get(attributeKey(name))
	}
	return v.Given[name]
}

// blameAttributes puts a refusal onto the fields that it names, and onto those that are
// empty and must not be, so that nobody is sent back twice. It returns false if there is
// no such field.
func (c *call) blameAttributes(pg *page, r *flows.Refusal) bool {
	named := make(map[string]bool, len(r.Names))
	for _, name := range r.Names {
		named[name] = true
	}
	var wrong []*attributeField
	for i := range pg.Attributes {
		f := &pg.Attributes[i]
		empty := f.Required && strings.TrimSpace(f.Value) == ""
		if r.Code == flows.AttributesInvalid && empty || named[f.Name] {
			f.Fault = c.attributeFault(pg, f)
			wrong = append(wrong, f)
		}
	}
	switch len(wrong) {
	case 0:
		return false
	case 1:
		wrong[0].Focus = true
	default:
		pg.Box = &box{Tone: "bad", Heading: pg.S("refusal.heading"), Focus: true}
		for _, f := range wrong {
			pg.Box.Links = append(pg.Box.Links, link{f.Fault, "#" + f.Target()})
		}
	}
	return true
}

// attributeFault says what is wrong with a value that was refused. The reasons are those
// of package flows, which judges; here they only get words.
func (c *call) attributeFault(pg *page, f *attributeField) string {
	value, label := strings.TrimSpace(f.Value), pg.apart(f.Label)
	switch {
	case f.Question():
		return pg.S("attributes.choose", "label", label)
	case value == "":
		return pg.S("attributes.missing", "label", label)
	case f.Number():
		return pg.S("attributes.no_number", "label", label)
	case utf8.RuneCountInString(value) > flows.MaxAttribute:
		return pg.S("attributes.too_long", "label", label, "n", flows.MaxAttribute)
	case f.Pattern != nil && !f.Pattern.MatchString(value):
		return pg.S("attributes.no_match", "label", label, "app", pg.App)
	default:
		return pg.S("attributes.unprintable", "label", label)
	}
}
