package flows_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows"
)

func TestAClientsSignUpAsksInTheProtocolsOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.site.Attributes = []flows.Attribute{
		{Name: "displayName", Label: "Name", Type: flows.AttributeText, Required: true},
		{Name: "postalCode", Label: "Postcode", Type: flows.AttributeText, Pattern: regexp.MustCompile(`^[0-9]{5}$`)},
		{Name: "age", Label: "Age", Type: flows.AttributeInteger, Required: true},
	}
	b := w.native().signUpNatively(dana, flows.Identify{Attributes: map[string]string{"postalCode": "12345", "age": "44"}})
	b.at(flows.AskNewPassword)
	b.submit(flows.GiveAttributes{}).refused(flows.NotThisStep)
	b.submit(flows.SetPassword{Password: longSecret}).at(flows.AskAttributes)
	if len(b.view.Attributes) != 1 || b.view.Attributes[0].Name != "displayName" {
		t.Fatalf("asked for %+v", b.view.Attributes)
	}
	b.submit(flows.Redeem{}).refused(flows.NotThisStep)
	b.submit(flows.GiveAttributes{Values: map[string]string{"displayName": " "}}).refused(flows.AttributesMissing)
	b.submit(flows.GiveAttributes{Values: map[string]string{"displayName": "Dana\x00", "postalCode": "x"}}).refused(flows.AttributesInvalid)
	if want := []string{"displayName", "postalCode"}; !slices.Equal(b.refusal.Names, want) {
		t.Errorf("blamed %v, want %v", b.refusal.Names, want)
	}
	b.submit(flows.GiveAttributes{Values: map[string]string{"displayName": "Dana", "nobody": "asked"}}).at(flows.Ready)
	b.submit(flows.Redeem{}).at(flows.Done)
	got := b.opened.Session.Attributes
	if len(got) != 3 || got["displayName"] != "Dana" || got["postalCode"] != "12345" || got["age"] != "44" {
		t.Fatalf("kept %v", got)
	}
}

func TestOnOurPagesOptionalAttributesAreAskedToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.site.Attributes = []flows.Attribute{{Name: "city", Label: "City", Type: flows.AttributeText}}
	b := w.browser().start(flows.SignUp, flows.Identify{Email: dana})
	b.submit(flows.GiveCode{Code: b.code(dana)}).submit(flows.SkipPassword{}).at(flows.AskAttributes)
	if len(b.view.Attributes) != 1 {
		t.Fatalf("asked for %+v", b.view.Attributes)
	}
	if has, _ := w.engine.HasAccounts(t.Context()); has {
		t.Fatal("the account was made before its attributes were given")
	}
	b.submit(flows.GiveAttributes{}).at(flows.Done)
	if b.session() == nil {
		t.Fatal("no session")
	}
}

func TestAttributesAreReadAsTheirTypesWantThem(t *testing.T) {
	t.Parallel()
	site := &flows.Site{Attributes: []flows.Attribute{
		{Name: "text", Type: flows.AttributeText}, {Name: "number", Type: flows.AttributeInteger},
		{Name: "flag", Type: flows.AttributeBoolean},
		{Name: "code", Type: flows.AttributeText, Pattern: regexp.MustCompile(`^[A-Z]{2}$`)},
	}}
	for _, c := range []struct{ name, given, want string }{
		{"text", "  Dana  ", "Dana"}, {"text", "é", "é"}, {"text", strings.Repeat("x", 256), strings.Repeat("x", 256)},
		{"text", strings.Repeat("x", 257), "!"}, {"text", "a\nb", "!"}, {"text", "a\u202eb", "!"}, {"text", "\xff", "!"},
		{"number", "007", "7"}, {"number", "-3", "-3"}, {"number", "1.5", "!"}, {"number", "99999999999999999999", "!"},
		{"flag", "on", "true"}, {"flag", "FALSE", "false"}, {"flag", "maybe", "!"},
		{"code", "GB", "GB"}, {"code", "GBX", "!"}, {"code", "", ""},
	} {
		values, refusal := flows.ReadAttributes(site, map[string]string{c.name: c.given})
		switch {
		case c.want == "!" && refusal == nil:
			t.Errorf("%s took %.20q", c.name, c.given)
		case c.want != "!" && (refusal != nil || values[c.name] != c.want):
			t.Errorf("%s made %q of %.20q, refused %v", c.name, values[c.name], c.given, refusal)
		}
	}
}
