package ui

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/ui/lang"
)

// sources is all our code and templates.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"*.go", "templates/*.html"} {
		names, err := filepath.Glob(pattern)
		if err != nil || names == nil {
			t.Fatalf("no %s: %v", pattern, err)
		}
		for _, name := range names {
			if !strings.HasSuffix(name, "_test.go") {
				all.Write(mustRead(t, name))
			}
		}
	}
	return all.String()
}

// Every message shows up somewhere: in a language where each message says its own
// key, every page, refusal, mail and text is made, and every key is seen.
func TestEveryMessageIsUsed(t *testing.T) {
	t.Parallel()
	en := mustRead(t, "lang/en.json")
	var texts map[string]string
	if err := json.Unmarshal(en, &texts); err != nil {
		t.Fatal(err)
	}
	for key, text := range texts {
		texts[key] = "‹" + key + "›" + text
	}
	marked, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := lang.Load(fstest.MapFS{"en.json": {Data: en}, "en-XA.json": {Data: marked}}, "en")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, s := range scenes() {
		all.WriteString(s.playInLanguage(t, bundle).body)
	}
	w := newWorld(t, func(c *Config) { c.Site.EmailCode = false })
	w.pages.bundle, w.pages.lang = bundle, bundle.Get("en-XA")
	for _, code := range allRefusals {
		for path, step := range map[string]flows.Step{"/code": flows.AskCode, "/password": flows.AskPassword, "/phone": flows.AskPhone, "/attributes": flows.AskAttributes, "/sign-in": ""} {
			w.engine.now, w.engine.err = with(viewOf(flows.SignIn, step), func(v *flows.View) { v.First = true }), refused(code, 2)
			all.WriteString(w.told(w.post(path+"?f=f8Q2k", "code", "1")).body)
		}
	}
	for _, code := range []flows.RefusalCode{flows.AttributesMissing, flows.AttributesInvalid} { // of one that the site asks for no more
		w.engine.now, w.engine.err = viewOf(flows.SignUp, flows.AskAttributes), &flows.Refusal{Code: code, Names: []string{"gone"}, Left: -1}
		all.WriteString(w.told(w.post("/attributes?f=f8Q2k")).body)
	}
	w.pages.face.links = links{HelpURL: "https://a.example", PrivacyURL: "https://a.example", TermsURL: "https://a.example", AccessibilityURL: "https://a.example"}
	all.WriteString(w.get("/sign-in").body)
	script, err := stepUpScript(w.pages.lang)
	if err != nil {
		t.Fatal(err)
	}
	all.Write(script.plain)
	for _, status := range []int{400, 403, 429, 503} {
		r := w.request("GET", "/", nil)
		w.session = nil
		all.WriteString(w.problem(r, status).body)
		w.signedIn()
		all.WriteString(w.problem(r, status).body)
	}
	for _, changing := range []flows.Changing{flows.ChangePhone, flows.RemovePhone, flows.ChangeEmail} {
		l := aLetter(flows.CodeChange)
		l.Changing = changing
		m, err := newMail(bundle.Get("en-XA"), l, plain)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%+v", m)
	}
	for _, purpose := range mailPurposes {
		for _, code := range []string{"482913", ""} {
			for _, label := range []string{"Bank details", ""} {
				l := aLetter(purpose)
				l.Code, l.Target.Label, l.NotMe = code, label, aToken
				l.Once, l.Target.Action = true, "POST /transfer"
				if m, err := newMail(bundle.Get("en-XA"), l, plain); err != nil {
					t.Fatal(err)
				} else {
					fmt.Fprintf(&all, "%+v", m)
				}
				l.Once = false
				if l.PasswordKnown = label != ""; label == "" {
					l.Device, l.Network = "", "127.0.0.0/24"
				}
				m, err := newMail(bundle.Get("en-XA"), l, plain)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&all, "%+v %s", m, m.NotYouHeading())
			}
		}
	}
	seldom := regexp.MustCompile(`^(month|weekday)\.\d+$|^sms\.|^duration\.hours$|^device\.on$`) // see their own tests
	for key := range texts {
		if !seldom.MatchString(key) && !strings.Contains(all.String(), "‹"+key+"›") {
			t.Errorf("nothing says %q", key)
		}
	}
}

func TestEveryKeyInATemplateExists(t *testing.T) {
	t.Parallel()
	bundle, err := languages()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\.[TS] "([^"]+)"|Text\("([^"]+)"|\b[TS]\("([^"]+)"|say\("([^"]+)"`).FindAllStringSubmatch(sources(t), -1) {
		key := m[1] + m[2] + m[3] + m[4]
		if !strings.HasSuffix(key, ".") && !bundle.Get("en").Has(key) {
			t.Errorf("no message %q", key)
		}
	}
}

// pseudo turns every letter of a message that is text into one that no code
// writes, and makes it longer.
func pseudo(message string) string {
	const plain, odd = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "áƀćđéƒǵĥíĵķłɱńóƥɋŕśťúṽŵẋýźÁƁĆĐÉƑǴĤÍĴĶŁṀŃÓƤɊŔŚŤÚṼŴẊÝŹ"
	odds := []rune(odd)
	translate := func(s string) string {
		return strings.Map(func(r rune) rune {
			if i := strings.IndexRune(plain, r); i >= 0 {
				return odds[i]
			}
			return r
		}, s)
	}
	var b strings.Builder
	start := 0
	word := regexp.MustCompile(`\{/?[a-z_]+(, plural,)?( ?(one|other) )?|(one|other) \{`)
	tokens := word.FindAllStringIndex(message, -1)
	for _, at := range tokens {
		b.WriteString(translate(message[start:at[0]]))
		b.WriteString(message[at[0]:at[1]])
		start = at[1]
	}
	b.WriteString(translate(message[start:]))
	return b.String()
}

// Every word on every page comes from the message layer: in a language without a
// single plain letter, only what people and operators wrote is plain.
func TestEveryWordComesFromTheMessageLayer(t *testing.T) {
	t.Parallel()
	data := mustRead(t, "lang/en.json")
	var texts map[string]string
	if err := json.Unmarshal(data, &texts); err != nil {
		t.Fatal(err)
	}
	for key, text := range texts {
		texts[key] = pseudo(text)
	}
	odd, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := lang.Load(fstest.MapFS{"en.json": {Data: data}, "en-XA.json": {Data: odd}}, "en")
	if err != nil {
		t.Fatal(err)
	}
	given := regexp.MustCompile(`Harbour Mutual|Payroll|Dana|Okafor|Safari on iPhone|Chrome on Android|expenses\.|quay\.example|dana\.okafor@|typo@|d?ana@|(payroll\.)?harbour\.example|Bank details|/a/very\S*|UTC|/reports|/bank|Firefox|Windows|ana@|First name|Last name|Do you agree to the house rules\?|Customer number|Years with us|May we send you news\?|City|Position|` +
		`/transfer|/expenses|csrf|amount|nöte|lines|description|receipt|<script>\S*|gnp\.exe|very-\S*|more\d|` +
		`POST|https?:|trusted_proxies|Set-Cookie|Cookie|Host|X-Forwarded-Proto|NTP`)
	plainWord := regexp.MustCompile(`[A-Za-z]{3,}`)
	for _, s := range scenes() {
		if strings.HasPrefix(s.name, "inbox") || s.name == "fault" {
			continue // show what mails say, and a random reference
		}
		a := s.playInLanguage(t, bundle)
		d := parsePage(t, a.body)
		for n := range d.root.Descendants() {
			var words []string
			switch {
			case n.Type == html.TextNode && has(n.Parent, "lang"): // another language's own name
			case n.Type == html.TextNode && n.Parent.DataAtom != atom.Script:
				words = append(words, n.Data)
			case n.Type == html.ElementNode:
				words = append(words, attr(n, "aria-label"), attr(n, "title"), attr(n, "data-peek"), attr(n, "data-busy-text"), attr(n, "data-left"), attr(n, "data-ready"))
			}
			for _, text := range words {
				if plain := plainWord.FindString(given.ReplaceAllString(text, "")); plain != "" {
					t.Errorf("%s: %q in %q does not come from the message layer", s.name, plain, text)
				}
			}
		}
		if strings.ContainsFunc(a.body, func(r rune) bool { return r == unicode.ReplacementChar }) {
			t.Errorf("%s holds a broken character", s.name)
		}
	}
}

// playInLanguage plays a scene in the made-up language of a bundle.
func (s scene) playInLanguage(t *testing.T, bundle *lang.Bundle) *answer {
	w := s.world(t)
	w.pages.bundle, w.pages.lang = bundle, bundle.Get("en-XA")
	return s.playIn(w)
}

func mustRead(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestThePagesLanguageIsTheBrowsersWhereThereIsOne(t *testing.T) {
	t.Parallel()
	bundle, err := lang.Load(fstest.MapFS{
		"en.json": {Data: mustRead(t, "lang/en.json")},
		"ar.json": {Data: []byte(`{"sign_in.title": "تسجيل الدخول"}`)},
	}, "en")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.pages.bundle, w.pages.lang = bundle, bundle.Get("en")
	w.engine.now = viewOf(flows.SignIn, flows.AskCode)
	r := w.request("POST", "/sign-in", map[string][]string{"email": {"d@x.example"}})
	r.Header.Set("Accept-Language", "ar-EG, en;q=0.5")
	w.do(r)
	if w.engine.seen.Lang != "ar" {
		t.Errorf("messages would be in %q", w.engine.seen.Lang)
	}
	r = w.request("GET", "/sign-in", nil)
	r.Header.Set("Accept-Language", "ar-EG, en;q=0.5")
	a := w.do(r).says(`<html lang="ar" dir="rtl">`, "<h1>تسجيل الدخول</h1>", "Continue", `id="email"`, `dir="ltr"`)
	if a.Header.Get("Content-Language") != "ar" {
		t.Errorf("Content-Language %s", a.Header.Get("Content-Language"))
	}
}
