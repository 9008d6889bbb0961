package nativeapi_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stepgate/stepgate/flows"
)

// withAttributes has newcomers asked for a name (required) and a postcode.
func (w *world) withAttributes() *world {
	w.site.Attributes = []flows.Attribute{
		{Name: "displayName", Label: "Name", Type: flows.AttributeText, Required: true, Pattern: regexp.MustCompile(`^.{1,64}$`), Rule: "^.{1,64}$"},
		{Name: "age", Label: "Age", Type: flows.AttributeInteger, Required: true},
		{Name: "postalCode", Label: "Postcode", Type: flows.AttributeText, Pattern: regexp.MustCompile(`^[0-9]{5}$`), Rule: "^[0-9]{5}$"},
	}
	return w
}

func TestASignUpAsksForPasswordAndThenAttributes(t *testing.T) {
	t.Parallel()
	w := newWorld(t).withAttributes()
	a := w.app()
	sent := w.sent()
	begun := a.begin("/signup/v1.0/start", dana).says("continuation_token")
	if w.sent() != sent {
		t.Fatal("start sent a code")
	}
	asked := a.with(begun, "/signup/v1.0/challenge").says(codeMembers)
	a.with(asked, "/signup/v1.0/continue", "grant_type", "oob", "oob", wrong(w.code(dana))).refused("invalid_grant", "invalid_oob_value", "50181")
	need := a.with(asked, "/signup/v1.0/continue", "grant_type", "oob", "oob", w.code(dana)).refused("credential_required", "", "55103")
	ask := a.with(need, "/signup/v1.0/challenge").says("continuation_token challenge_type")
	if ask.text("challenge_type") != "password" {
		t.Fatalf("asked for %s", ask.Body)
	}
	give := func(pw string) *answer {
		return a.with(ask, "/signup/v1.0/continue", "grant_type", "password", "password", pw)
	}
	give("short").refused("invalid_grant", "password_too_short", "399246")
	give(string(make([]byte, 300))).refused("invalid_grant", "password_too_long", "399246")
	give("passwordpassword").refused("invalid_grant", "password_banned", "399246")
	give("dana dana dana 2026").refused("invalid_grant", "password_is_invalid", "399246")
	need = give(longSecret).refused("attributes_required", "", "55106")
	want := `"required_attributes":[{"name":"displayName","type":"string","required":true,"options":{"regex":"^.{1,64}$"}},{"name":"age","type":"integer","required":true}]`
	if !regexp.MustCompile(regexp.QuoteMeta(want)).MatchString(need.Body) {
		t.Errorf("attributes: %s", need.Body)
	}
	attributes := func(text string) *answer {
		return a.with(need, "/signup/v1.0/continue", "grant_type", "attributes", "attributes", text)
	}
	attributes(`{"displayName":"Dana","age":"old","postalCode":"x"}`).refused("invalid_grant", "attribute_validation_failed", "55105").
		blames("age", "postalCode")
	attributes(`{"displayName":{"first":"Dana"},"age":44}`).refused("invalid_grant", "attribute_validation_failed", "55105").blames("displayName")
	if again := attributes(`{"displayName":"Dana"}`).refused("attributes_required", "", "55106"); len(again.JSON["required_attributes"].([]any)) != 1 {
		t.Errorf("still missing: %s", again.Body)
	}
	done := attributes(`{"displayName":"Dana Example","age":44,"unknown":"x"}`).says("continuation_token")
	got := a.tokens(done, "continuation_token", "username", dana).gotTokens()
	if got.claims("id_token")["name"] != "Dana Example" {
		t.Errorf("the ID token says %v", got.claims("id_token"))
	}
	a.byPassword(dana).gotTokens()
}

// blames fails the test unless these attributes are named as invalid.
func (a *answer) blames(names ...string) {
	a.t.Helper()
	var got []string
	for _, one := range a.JSON["invalid_attributes"].([]any) {
		got = append(got, one.(map[string]any)["name"].(string))
	}
	if !slices.Equal(got, names) {
		a.t.Errorf("blamed %v, want %v", got, names)
	}
}

func TestASignUpMayBringEverythingAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t).withAttributes()
	a := w.app()
	start := func(pw, attributes string) *answer {
		return a.begin("/signup/v1.0/start", dana, "password", pw, "attributes", attributes)
	}
	start("short", `{"displayName":"Dana"}`).refused("invalid_grant", "password_too_short", "399246")
	start(longSecret, `{"age":"x"}`).refused("invalid_grant", "attribute_validation_failed", "55105").blames("age")
	for _, text := range []string{`[]`, `"x"`, `null`, `{`, `{}{}`, `x`} {
		start(longSecret, text).refused("invalid_request", "", "90013")
	}
	if w.sent() != 0 {
		t.Fatal("a message was sent")
	}
	begun := start(longSecret, `{"displayName":"Dana","age":"44","postalCode":"12345","city":"Town"}`).ok()
	done := a.signUpCode(begun, dana).says("continuation_token")
	a.tokens(done, "continuation_token").gotTokens()
}

// An account without the password that was given would have an owner who cannot sign in.
func TestAPasswordThatCannotBeUsedIsRefusedAndNotLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.codeApp().call("/signup/v1.0/start", "username", dana, "challenge_type", "oob redirect", "password", longSecret).
		refused("invalid_request", "", "90013")
	a := w.app()
	begun := a.begin("/signup/v1.0/start", dana, "password", longSecret)
	sent := a.with(begun, "/signup/v1.0/challenge", "challenge_type", "oob redirect").ok()
	done := a.with(sent, "/signup/v1.0/continue", "grant_type", "oob", "oob", w.code(dana)).ok()
	a.tokens(done, "continuation_token").gotTokens()
	a.byPassword(dana).gotTokens()

	w.site.Password = false
	a.call("/signup/v1.0/start", "username", "new@example.com", "challenge_type", "oob password redirect", "password", longSecret).
		refused("access_denied", "", "53003")
}

func TestACodeThatTooManyTriesHaveEndedIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.app()
	begun := a.begin("/signup/v1.0/start", dana)
	asked := a.with(begun, "/signup/v1.0/challenge").ok()
	sent := w.sent()
	for range 5 {
		a.with(asked, "/signup/v1.0/continue", "grant_type", "oob", "oob", wrong(w.code(dana))).refused("invalid_grant", "invalid_oob_value", "50181")
	}
	again := a.with(asked, "/signup/v1.0/challenge").ok()
	if w.sent() != sent+1 {
		t.Fatal("no other code was sent")
	}
	a.with(again, "/signup/v1.0/continue", "grant_type", "oob", "oob", w.code(dana)).refused("credential_required", "", "55103")
}
