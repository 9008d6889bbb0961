package caddymodule

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/stepgate/stepgate/flows"
)

// Attribute is one thing that newcomers are asked about themselves, on the pages and
// through the native API.
type Attribute struct {
	// The name under which it is kept and sent, such as displayName or
	// extension_4f0c_CustomerNumber: a letter, then letters, digits and _.
	Name string `json:"name"`

	// What people read. Default: English words for city, country, displayName (which
	// tokens carry as the claim name), givenName, jobTitle, postalCode, state,
	// streetAddress and surname. Required for every other name.
	Label string `json:"label,omitempty"`

	// What people are told of the form that is wanted, such as "Two letters and six
	// digits". Default: nothing.
	Hint string `json:"hint,omitempty"`

	// "string", "integer" or "boolean". Default: "string".
	Type string `json:"type,omitempty"`

	// Nobody gets an account without it. Default: false.
	Required bool `json:"required,omitempty"`

	// What the whole of a string must match: a regular expression of the RE2 syntax.
	// Default: any text.
	Pattern string `json:"pattern,omitempty"`
}

// maxAttributes bounds what newcomers can be asked.
const maxAttributes = 32

// builtInLabels are the labels of the names that the SDKs of the native API know.
var builtInLabels = map[string]string{
	"city":            "City",
	"country":         "Country",
	flows.DisplayName: "Name",
	"givenName":       "First name",
	"jobTitle":        "Job title",
	"postalCode":      "Postal code",
	"state":           "State or province",
	"streetAddress":   "Street address",
	"surname":         "Last name",
}

var attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,127}$`)

// What Stepgate keeps of an account by itself, in the words that people use for it.
var notAttributes = []string{"email", "mail", "username", "password", "phone", "groups"}

func checkAttributeName(name string) error {
	if !attributeName.MatchString(name) {
		return fmt.Errorf("%q cannot name an attribute: use letters, digits and _, starting with a letter, at most 128", name)
	}
	if slices.Contains(notAttributes, strings.ToLower(name)) {
		return fmt.Errorf("%q cannot name an attribute: Stepgate knows that of people by itself", name)
	}
	return nil
}

// check judges the attribute by itself.
func (a *Attribute) check() error {
	if err := checkAttributeName(a.Name); err != nil {
		return err
	}
	if a.Label == "" && builtInLabels[a.Name] == "" {
		return fmt.Errorf("attribute %s has no label: say what people are asked, such as label \"Customer number\"", a.Name)
	}
	if a.Label != "" {
		if err := checkLabel("label", a.Label); err != nil {
			return err
		}
	}
	if a.Hint != "" {
		if err := checkLabel("hint", a.Hint); err != nil {
			return err
		}
	}
	if a.Type != "" {
		if err := checkAttributeType(a.Type); err != nil {
			return err
		}
		if a.Pattern != "" && flows.AttributeType(a.Type) != flows.AttributeText {
			return fmt.Errorf("attribute %s is no text, so it cannot have a pattern: remove the pattern, or make it a string", a.Name)
		}
	}
	_, err := compilePattern(a.Pattern)
	return err
}

func checkAttributeType(word string) error {
	switch flows.AttributeType(word) {
	case flows.AttributeText, flows.AttributeInteger, flows.AttributeBoolean:
		return nil
	}
	return fmt.Errorf("unknown type %q of an attribute: use string, integer or boolean", word)
}

// compilePattern makes the pattern match whole values. It is compiled as it is first:
// something like `a)|(b` must not become right by what is put around it.
func compilePattern(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	if len(pattern) > 256 {
		return nil, fmt.Errorf("a pattern must not be longer than 256 characters")
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, fmt.Errorf("the pattern %q is no regular expression of the RE2 syntax: %w", pattern, err)
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// checkAttributes judges the attributes together. Names that differ only in their
// capitals would be one to people, and to some programs.
func checkAttributes(attributes []*Attribute) error {
	if len(attributes) > maxAttributes {
		return fmt.Errorf("at most %d attributes can be asked for", maxAttributes)
	}
	for i, a := range attributes {
		if a == nil {
			return fmt.Errorf("attribute %d is null", i+1)
		}
		if err := a.check(); err != nil {
			return err
		}
		for _, other := range attributes[:i] {
			if strings.EqualFold(other.Name, a.Name) {
				return fmt.Errorf("the attribute %s is declared twice: keep one", a.Name)
			}
		}
	}
	return nil
}

// flowsAttributes is what the app asks newcomers, once it was checked.
func (a *App) flowsAttributes() ([]flows.Attribute, error) {
	var all []flows.Attribute
	for _, given := range a.Attributes {
		pattern, err := compilePattern(given.Pattern)
		if err != nil {
			return nil, err
		}
		all = append(all, flows.Attribute{
			Name: given.Name, Label: cmp.Or(given.Label, builtInLabels[given.Name]), Hint: given.Hint,
			Type: flows.AttributeType(cmp.Or(given.Type, string(flows.AttributeText))), Required: given.Required,
			Pattern: pattern, Rule: given.Pattern,
		})
	}
	return all, nil
}

// attributeNames are the names of what newcomers are asked.
func attributeNames(attributes []*Attribute) []string {
	names := make([]string, len(attributes))
	for i, a := range attributes {
		names[i] = a.Name
	}
	return names
}
