package ui

import (
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/limit"
	"github.com/stepgate/stepgate/flows/puzzle"
	"github.com/stepgate/stepgate/policy"
)

const somePuzzle = "mc8x.AbC-_9.dEf"

func effortNeeded() *flows.Refusal {
	return &flows.Refusal{Code: flows.EffortNeeded, Puzzle: somePuzzle, Wait: 30 * time.Second, Left: -1}
}

// effortForm is the form on the page for an effort: where it goes, and what is in it.
func effortForm(t *testing.T, a *answer) (action string, fields url.Values) {
	t.Helper()
	d := parsePage(t, a.status(200).says("<h1>One moment</h1>").body)
	form, fields := d.one(atom.Form), url.Values{}
	for n := range form.Descendants() {
		if n.DataAtom == atom.Input {
			fields.Add(attr(n, "name"), attr(n, "value"))
		}
	}
	return attr(form, "action"), fields
}

// Every form that may have something sent, or a password looked at, comes to the engine
// as it was, and the effort with it.
func TestAnEffortIsMadeForTheFormAsItWasSent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path   string
		v      flows.View
		fields []string
		want   flows.Input
	}{
		{"/sign-in?return_to=%2Freports", flows.View{}, []string{"email", ` "dana"@x.example`}, flows.Identify{Email: ` "dana"@x.example`}},
		{"/sign-up", flows.View{}, []string{"email", "d@x.example"}, flows.Identify{Email: "d@x.example"}},
		{"/reset", flows.View{}, []string{"email", "d@x.example"}, flows.Identify{Email: "d@x.example"}},
		{"/enrol", flows.View{}, nil, flows.Open{}},
		{"/step-up", confirmView(), []string{"way", "sms_code"}, flows.SendCode{Factor: policy.SMSCode}},
		{"/step-up?f=f8Q2k", confirmView(), []string{"way", "email_code"}, flows.SendCode{Factor: policy.EmailCode}},
		{"/code?f=f8Q2k", viewOf(flows.SignIn, flows.AskCode), []string{"do", "resend"}, flows.Resend{}},
		{"/code?f=f8Q2k", viewOf(flows.SignIn, flows.AskCode), []string{"way", "sms_code"}, flows.SendCode{Factor: policy.SMSCode}},
		{"/password?f=f8Q2k", viewOf(flows.SignIn, flows.AskPassword), []string{"do", "switch"}, flows.SwitchMethod{}},
		{"/password?f=f8Q2k", viewOf(flows.SignIn, flows.AskPassword), []string{"way", "email_code"}, flows.SendCode{Factor: policy.EmailCode}},
		{"/choose?f=f8Q2k", viewOf(flows.SignIn, flows.Choose), []string{"way", "sms_code"}, flows.SendCode{Factor: policy.SMSCode}},
		{"/phone?f=f8Q2k", viewOf(flows.SignIn, flows.AskPhone), []string{"tel", "07700 900123"}, flows.GivePhone{Phone: "07700 900123"}},
		{"/phone?f=f8Q2k", smsView(flows.SignIn), []string{"tel", "07700 900123"}, flows.GivePhone{Phone: "07700 900123"}},
	} {
		w := newWorld(t).signedIn()
		w.engine.now, w.engine.err = c.v, effortNeeded()
		first := w.post(c.path, c.fields...)
		if !strings.Contains(first.body, "data-auto") || w.engine.seen.Effort != "" {
			t.Errorf("%s does not go on by itself", c.path)
		}
		action, form := effortForm(t, first)
		if form.Get("effort") != somePuzzle+":" {
			t.Errorf("%s: the effort is %q", c.path, form.Get("effort"))
		}
		form.Set("effort", somePuzzle+":1,2,3")
		w.engine.input, w.engine.err, w.engine.next = nil, nil, viewOf(flows.SignIn, flows.AskCode)
		if w.engine.now.Flow == "" {
			w.engine.now = w.engine.next
		}
		w.do(w.request("POST", strings.TrimPrefix(action, "/.auth"), form)).status(303)
		if !reflect.DeepEqual(w.engine.input, c.want) || w.engine.seen.Effort != somePuzzle+":1,2,3" {
			t.Errorf("%s %v became %#v with the effort %q", c.path, c.fields, w.engine.input, w.engine.seen.Effort)
		}
		if want, _ := url.Parse(c.path); !strings.HasPrefix(action, "/.auth"+want.Path) {
			t.Errorf("%s goes to %s", c.path, action)
		}
	}
}

func TestAPasswordIsTypedAgainAndNeverKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.now, w.engine.err = with(viewOf(flows.SignIn, flows.AskPassword), func(v *flows.View) { v.First = true }), effortNeeded()
	a := w.post("/password?f=f8Q2k", "email", "other@x.example", "password", "hunter2hunter2", "way", "", "new_password", "hunter2hunter2")
	a.saysNot("hunter2", "data-auto").says("other@<wbr>x.example", `autocomplete="current-password"`)
	action, form := effortForm(t, a)
	if want := (url.Values{"email": {"other@x.example"}, "effort": {somePuzzle + ":"}, "username": {"other@x.example"}, "password": {""}}); !reflect.DeepEqual(form, want) {
		t.Errorf("the form holds %v", form)
	}
	form.Set("password", "hunter2hunter2")
	w.engine.err, w.engine.next = nil, viewOf(flows.SignIn, flows.AskCode)
	w.do(w.request("POST", strings.TrimPrefix(action, "/.auth"), form)).status(303)
	if want := (flows.GivePassword{Email: "other@x.example", Password: "hunter2hunter2"}); w.engine.input != want {
		t.Errorf("the engine got %#v", w.engine.input)
	}
}

func TestOnlyFieldsOfOurOwnFormsAreSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.err = effortNeeded()
	_, form := effortForm(t, w.post("/sign-in", "email", "d@x.example", "password", "p", "code", "482913", "tel", "1", "do", "x", "evil", "y"))
	if want := (url.Values{"email": {"d@x.example"}, "effort": {somePuzzle + ":"}}); !reflect.DeepEqual(form, want) {
		t.Errorf("the form holds %v", form)
	}
}

// Otherwise a browser whose network is another one at each request would go round for ever.
func TestAnEffortThatWasNotTakenIsNotMadeAgainUnasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.err = effortNeeded()
	w.post("/sign-in", "email", "d@x.example", "effort", "old:").says("One moment").saysNot("data-auto", "old:")
}

// Whoever has given a code that is right is no stranger. Should something be asked of them
// nevertheless, the code is not written into a page.
func TestACodeIsNeverKeptForAnEffort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.now, w.engine.err = viewOf(flows.SignIn, flows.AskCode), effortNeeded()
	w.told(w.post("/code?f=f8Q2k", "code", "482913")).says("Try again in a moment").saysNot("482913", somePuzzle)
	w.engine.now = viewOf(flows.SignUp, flows.AskNewPassword)
	w.told(w.post("/new-password?f=f8Q2k", "new_password", "hunter2hunter2")).says("Try again in a moment").saysNot("hunter2", somePuzzle)
}

func TestNobodyCanBeLedToThePageForAnEffort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.now = viewOf(flows.SignIn, flows.AskCode)
	plain := w.get("/code?f=f8Q2k").body
	if got := w.get("/code?f=f8Q2k&why=effort_needed&effort=x%3A&puzzle=x").body; got != plain {
		t.Errorf("the address changes the page:\n%s", got)
	}
}

// The page says to people without scripts what to do, and holds what its script looks for.
func TestThePageForAnEffortAndItsScriptAgree(t *testing.T) {
	t.Parallel()
	script := string(mustAsset(t, "assets/stepgate.js"))
	for _, name := range []string{"sign-in-effort", "password-effort"} {
		d := parsePage(t, seen(t, name).says("Wait half a minute, then press Continue.").body)
		inputs := d.all(func(n *html.Node) bool { return attr(n, "name") == "effort" })
		notes := d.all(func(n *html.Node) bool { return has(n, "data-left") && has(n, "data-ready") && has(n, "data-work") })
		buttons := d.all(func(n *html.Node) bool { return n.DataAtom == atom.Button && attr(n, "class") == "btn" })
		if len(inputs) != 1 || len(notes) != 1 || len(buttons) != 1 || attr(inputs[0], "data-wait") != "30" || !strings.HasSuffix(attr(inputs[0], "value"), ":") {
			t.Fatalf("%s: %d efforts, %d notes, %d buttons", name, len(inputs), len(notes), len(buttons))
		}
		if !strings.Contains(attr(notes[0], "data-left"), "%d") {
			t.Errorf("%s counts nothing down", name)
		}
	}
	for _, needed := range []string{
		`input[name=effort]`, `button.btn`, `[data-left]`, `dataset.wait`, `dataset.ready`, `dataset.work`, `"auto" in effort.dataset`,
		"${puzzle}.${found.length}.${n + i}", `found.length < 16`, `getUint16(0) < 16`,
	} {
		if !strings.Contains(script, needed) {
			t.Errorf("the script lacks %s", needed)
		}
	}
	if puzzle.Parts != 16 || 1<<(16-puzzle.Bits) != 16 {
		t.Error("the script solves puzzles of another size")
	}
	if regexp.MustCompile(`location\.(assign|replace|href)|new Worker|import\(`).MatchString(script) {
		t.Error("the script goes its own ways")
	}
}

// solved is the effort that the page asks for.
func (b *person) solved() string {
	b.t.Helper()
	inputs := parsePage(b.t, b.page.body).all(func(n *html.Node) bool { return attr(n, "name") == "effort" })
	if len(inputs) != 1 {
		b.t.Fatalf("no puzzle on\n%s", b.page.body)
	}
	begun := attr(inputs[0], "value")
	return begun + puzzle.Solve(strings.TrimSuffix(begun, ":"))
}

// The whole way, over the real engine: with a script, without one, and for a known device.
func TestAtABusyTimeStrangersMakeAnEffortAndThenGoOn(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.engine.EmailsHour = 10
	owner := p.person().signsUp()
	owner.visits("/sign-out").fills()
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		p.person().visits("/sign-in").fills("email", name+"@harbour.example").isAt("/.auth/code")
	}
	for _, email := range []string{dana, "nobody@harbour.example"} { // whoever it is
		b := p.person()
		b.visits("/sign-in?return_to=%2Freports").fills("email", email).isAt("/.auth/sign-in").page.says("One moment")
		if email == dana {
			continue
		}
		b.fills("email", email, "effort", b.solved()).isAt("/.auth/code")
	}
	b := p.person()
	b.visits("/sign-in").fills("email", dana).fills("email", dana, "effort", strings.TrimRight(b.solved(), "0123456789,")).page.says("One moment")
	unsolved := strings.TrimRight(b.solved(), "0123456789,")
	b.wait(31*time.Second).fills("email", dana, "effort", unsolved).isAt("/.auth/code")
	b.fills("code", b.code(dana)).isAt("/")
	owner.visits("/sign-in").fills("email", dana).isAt("/.auth/code") // a known device
}

func TestAtABusyTimePasswordsAreAskedForOnceMore(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.engine.PasswordTotalBudget = limit.Rate{Burst: 10, Every: time.Hour}
	p.person().signsUp()
	for i := range 8 {
		b := p.person()
		b.visits("/sign-in").fills("email", string(rune('a'+i))+"@harbour.example", "way", "password").fills("password", "not the right words")
	}
	for _, email := range []string{"nobody@harbour.example", dana} {
		b := p.person()
		b.visits("/sign-in").fills("email", email, "way", "password").fills("email", email, "password", "three words and one more").isAt("/.auth/password")
		b.page.says("Enter it once more").saysNot("three words")
		b.fills("email", email, "password", "three words and one more", "effort", b.solved())
		if email == dana {
			b.isAt("/")
		} else {
			b.page.says("don’t match")
		}
	}
}
