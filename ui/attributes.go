package ui

import (
	"html/template"
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
	pg.Action = c.stepURL(v)
	pg.Go, pg.Busy = pg.S("new_password.go"), pg.S("new_password.busy")
	required := 0
	for _, a := range v.Attributes {
		if a.Required {
			required++
		}
	}
	optional := len(v.Attributes) - required
	pg.Lead = pg.T("new_password.lead", "email", pg.strong(v.Email)) + " " + c.attributesLead(pg, required, optional)
	for _, a := range v.Attributes {
		f := attributeField{
			Attribute: a, Key: attributeKey(a.Name), ID: "attribute-" + a.Name, Value: v.Given[a.Name],
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

func (c *call) attributesLead(pg *page, required, optional int) template.HTML {
	lead := pg.T("attributes.lead", "app", pg.App)
	switch {
	case required == 0:
		lead += " " + pg.T("attributes.all_optional")
	case required < optional:
		lead += " " + pg.T("attributes.most_optional")
	}
	return lead
}

// postAttributes hands in the whole form: what is not in it was left open.
func (c *call) postAttributes() {
	values := make(map[string]string, len(c.Site.Attributes))
	for _, a := range c.Site.Attributes {
		values[a.Name] = c.form.get(attributeKey(a.Name))
	}
	c.again = func(v flows.View) *page {
		if v.Step != flows.AskAttributes {
			return c.stepPage(v)
		}
		v.Given = values
		return c.attributesPage(v)
	}
	c.submit(flows.GiveAttributes{Values: values})
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
	value := strings.TrimSpace(f.Value)
	switch {
	case f.Question():
		return pg.S("attributes.choose", "label", f.Label)
	case value == "":
		return pg.S("attributes.missing", "label", f.Label)
	case f.Number():
		return pg.S("attributes.no_number", "label", f.Label)
	case utf8.RuneCountInString(value) > flows.MaxAttribute:
		return pg.S("attributes.too_long", "label", f.Label, "n", flows.MaxAttribute)
	case f.Pattern != nil && !f.Pattern.MatchString(value):
		return pg.S("attributes.no_match", "label", f.Label, "app", pg.App)
	default:
		return pg.S("attributes.unprintable", "label", f.Label)
	}
}
