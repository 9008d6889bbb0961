package nativeapi

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/seal"
	"github.com/stepgate/stepgate/policy"
)

func TestEveryStepHasItsPhase(t *testing.T) {
	t.Parallel()
	steps := []flows.Step{
		flows.AskPassword, flows.AskCode, flows.AskNewPassword, flows.AskAttributes, flows.Confirm, flows.Choose,
		flows.AskPhone, flows.Stuck, flows.Ready, flows.Done, "", "a step of the future",
	}
	want := map[flows.Step][3]phase{ // plain, with First, while Enrolling
		flows.AskPassword:    {over, first, registering},
		flows.AskCode:        {second, first, registering},
		flows.Choose:         {second, first, registering},
		flows.AskPhone:       {registering, registering, registering},
		flows.AskNewPassword: {credential, credential, credential},
		flows.AskAttributes:  {attributes, attributes, attributes},
		flows.Ready:          {ready, ready, ready},
	}
	for _, step := range steps {
		got := [3]phase{
			phaseOf(flows.View{Step: step}), phaseOf(flows.View{Step: step, First: true}), phaseOf(flows.View{Step: step, Enrolling: true}),
		}
		if got != want[step] {
			t.Errorf("step %q is of the phases %v, want %v", step, got, want[step])
		}
	}
}

func TestEveryStageThatAnEndpointTakesHasAPhaseAndTheReverse(t *testing.T) {
	t.Parallel()
	taken := make(map[Stage]bool)
	for _, e := range Endpoints() {
		for _, a := range e.Actions {
			for _, s := range a.Accepts {
				taken[s] = true
				if phases[s] == over {
					t.Errorf("%s takes %s, which is of no phase", e.Path, s)
				}
			}
		}
	}
	for s := range phases {
		if !taken[s] {
			t.Errorf("nothing takes %s", s)
		}
	}
}

// A token of a second factor must never open the registration of one: the two phases
// share no stage, and no endpoint of one takes a stage of the other.
func TestNoEndpointTakesTokensOfTwoPhasesUnlessTheyAreToldApart(t *testing.T) {
	t.Parallel()
	for _, e := range Endpoints() {
		for _, a := range e.Actions {
			for _, s := range a.Accepts {
				if phases[s] != phases[a.Accepts[0]] {
					t.Errorf("%s %s takes %s and %s", e.Path, a.Grant, a.Accepts[0], s)
				}
				registers := strings.HasPrefix(e.Path, "/register/")
				if registers != (phases[s] == registering) {
					t.Errorf("%s takes %s", e.Path, s)
				}
			}
		}
	}
}

// refusalCodes reads the names of all refusals from the source of package flows.
func refusalCodes(t *testing.T) (codes []flows.RefusalCode) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "refusal.go"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "refusal.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "RefusalCode" {
			code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, flows.RefusalCode(code))
		}
		return true
	})
	return codes
}

func TestEveryRefusalHasWordsInTheProtocol(t *testing.T) {
	t.Parallel()
	codes := refusalCodes(t)
	if len(codes) < 40 {
		t.Fatalf("only %d refusals were found", len(codes))
	}
	for _, code := range codes {
		p, known := refused(&flows.Refusal{Code: code, Wait: 90 * time.Second, Left: -1})
		if known == (code == flows.NeedsBrowser) {
			t.Errorf("%s: known is %v", code, known)
		}
		if known && (p.status != 0 || p.body.Error == "" || p.body.Description == "" || len(p.body.Codes) != 1 || p.body.Codes[0] == 0) {
			t.Errorf("%s is answered %+v", code, p)
		}
	}
	for code := range refusals {
		if !slices.Contains(codes, code) {
			t.Errorf("%q is no refusal", code)
		}
	}
}

// TestSDKsRecogniseWhatIsRefused is the table of what the SDKs look for.
func TestSDKsRecogniseWhatIsRefused(t *testing.T) {
	t.Parallel()
	for code, want := range map[flows.RefusalCode]struct {
		kind, suberror string
		number         int
		text           string
	}{
		flows.UserUnknown:       {"user_not_found", "", 50034, ""},
		flows.UserExists:        {"user_already_exists", "", 1003037, ""},
		flows.EmailMissing:      {"invalid_request", "", 90100, "username parameter is empty or not valid"},
		flows.EmailMalformed:    {"invalid_request", "", 90100, "username parameter is empty or not valid"},
		flows.PairWrong:         {"invalid_grant", "", 50126, ""},
		flows.PasswordShort:     {"invalid_grant", "password_too_short", 399246, ""},
		flows.PasswordLong:      {"invalid_grant", "password_too_long", 399246, ""},
		flows.PasswordCommon:    {"invalid_grant", "password_banned", 399246, ""},
		flows.PasswordContext:   {"invalid_grant", "password_is_invalid", 399246, ""},
		flows.CodeWrong:         {"invalid_grant", "invalid_oob_value", 50181, ""},
		flows.CodeMalformed:     {"invalid_grant", "invalid_oob_value", 50181, ""},
		flows.CodeMissing:       {"invalid_grant", "invalid_oob_value", 50181, ""},
		flows.CodeExpired:       {"invalid_grant", "invalid_oob_value", 50181, ""},
		flows.CodeSpent:         {"invalid_grant", "invalid_oob_value", 50181, ""},
		flows.FlowGone:          {"expired_token", "", 552003, ""},
		flows.PhoneMalformed:    {"invalid_request", "", 901001, ""},
		flows.PhoneCountry:      {"access_denied", "provider_blocked_by_rep", 53003, ""},
		flows.NoPassword:        {"invalid_request", "", 500222, ""},
		flows.RefreshInvalid:    {"invalid_grant", "bad_token", 70000, ""},
		flows.ProofNeeded:       {"invalid_grant", "", 50076, ""},
		flows.AttributesInvalid: {"invalid_grant", "attribute_validation_failed", 55105, ""},
		flows.TooManyTries:      {"invalid_grant", "", 50053, "Try again in 2 minutes."},
		flows.TooManySends:      {"temporarily_unavailable", "", 90055, "Try again in 2 minutes."},
	} {
		p, _ := refused(&flows.Refusal{Code: code, Wait: 61 * time.Second, Names: []string{"age"}})
		if p.body.Error != want.kind || p.body.Suberror != want.suberror || p.body.Codes[0] != want.number || !strings.Contains(p.body.Description, want.text) {
			t.Errorf("%s is answered %+v", code, p.body)
		}
		if named := len(p.body.Invalid) == 1; named != (code == flows.AttributesInvalid) {
			t.Errorf("%s names %v", code, p.body.Invalid)
		}
	}
}

func TestWaitingIsToldInWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-1: "1 second", 1: "1 second", time.Second: "1 second", 1001 * time.Millisecond: "2 seconds", time.Minute: "60 seconds",
		61 * time.Second: "2 minutes", time.Hour: "60 minutes", 61 * time.Minute: "2 hours", 24 * time.Hour: "24 hours",
	} {
		if got := inWords(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestMasksShowLittleAndNeverNothing(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"casey@contoso.com":        "c***y@c***o.com",
		"dana@example.com":         "d***@e***e.com",
		"bo@x.example":             "***@***.example",
		"a@b.c":                    "***@***.c",
		"anna.long+tag@example.co": "a***g@e***e.co",
		"":                         "***",
		"nonsense":                 "***",
		"x@localhost":              "***@l***t",
		"@":                        "***@***",
	} {
		if got := maskEmail(address); got != want {
			t.Errorf("%q is shown as %q, want %q", address, got, want)
		}
	}
	for digits, want := range map[string]string{"23": "********23", "": "********", "+447700900123": "********23"} {
		if got := maskPhone(digits); got != want {
			t.Errorf("%q is shown as %q, want %q", digits, got, want)
		}
	}
}

func TestAContinuationComesBackAsItWas(t *testing.T) {
	t.Parallel()
	keys, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	was := begin(canCode|canMFA, now)
	was.Flow, was.Stage, was.Scopes, was.Contexts = "f", MFAListed, []string{"openid"}, []string{"c4"}
	text, err := was.seal(keys, bond("https://a.example", "app"))
	if err != nil {
		t.Fatal(err)
	}
	is, ours := openToken(keys, text, bond("https://a.example", "app"))
	one, _ := json.Marshal(was)
	two, _ := json.Marshal(is)
	if !ours || string(one) != string(two) {
		t.Errorf("%s came back as %s", one, two)
	}
	if len(was.Secret) != 43 || was.Secret == begin(0, now).Secret {
		t.Errorf("the secret is %q", was.Secret)
	}
	if is.expired(now.Add(flowLife-time.Second)) || !is.expired(now.Add(flowLife)) {
		t.Error("its time is not the flow's")
	}
	if can := is.Can.factors(); can != policy.FactorsOf(policy.EmailCode, policy.SMSCode) {
		t.Errorf("can be asked for %v", can.Slice())
	}
}

// Base64 has characters whose last bits say nothing, depending on the length.
func TestAContinuationTokenHasOneSpelling(t *testing.T) {
	t.Parallel()
	keys, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/="
	for _, flow := range []string{"f", "ff", "fff"} {
		at := begin(0, time.Unix(1_800_000_000, 0))
		at.Flow = flow
		text, err := at.seal(keys, "bond")
		if err != nil {
			t.Fatal(err)
		}
		for _, last := range letters {
			other := text[:len(text)-1] + string(last)
			if _, ours := openToken(keys, other, "bond"); ours != (other == text) {
				t.Errorf("a token that ends in %q instead of %q opens", last, text[len(text)-1:])
			}
		}
	}
}

func TestContextsAddUpInOrder(t *testing.T) {
	t.Parallel()
	have := []string{"a", "b"}
	if got := union(have, []string{"b", "c", "c"}); !slices.Equal(got, []string{"a", "b", "c"}) || len(have) != 2 {
		t.Errorf("together: %v", got)
	}
}
