package ui

import (
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
)

// mostSegments is what a text message may cost in a language.
func mostSegments(t testing.TB, style *Style, tag string) int {
	t.Helper()
	if wide(style.bundle.Get(tag)) {
		return 2
	}
	return 1
}

func TestAHostFitsATextMessageAsLongAsItCostsNoMore(t *testing.T) {
	t.Parallel()
	english, err := plain.Offering("en")
	if err != nil {
		t.Fatal(err)
	}
	fitted, refused := 0, 0
	for _, style := range []*Style{plain, english} {
		for _, digits := range []int{6, 8} {
			for length := 90; length <= 150; length++ {
				host := strings.Repeat("a", 60) + "." + strings.Repeat("b", length-61-len(".example.com")) + ".example.com"
				site := &flows.Site{Origin: "https://" + host + ":8443", Name: "Payroll", Brand: "Example"}
				fits, err := FitsSMS(site, digits, style)
				if err != nil {
					t.Fatal(err)
				}
				all := true
				for _, l := range style.bundle.Languages() {
					m, err := Compose(flows.Letter{Site: site, Medium: send.SMS, To: "+447700900123", Purpose: flows.CodeEnrol,
						Lang: l.Tag, Code: strings.Repeat("8", digits)}, style)
					if err != nil {
						t.Fatal(err)
					}
					_, _, segments := send.Segments(m.Text)
					all = all && segments <= mostSegments(t, style, l.Tag)
					if !strings.Contains(m.Text, "@"+host+" #") {
						t.Errorf("%s: the host is not there in %q", l.Tag, m.Text)
					}
				}
				if fits != all {
					t.Errorf("%d digits, a host of %d: fits is %t, but it is %t for what is sent", digits, length, fits, all)
				}
				if fits {
					fitted++
				} else {
					refused++
				}
				if !fits && (length <= 100 || style == english && length <= 120) {
					t.Errorf("%d digits: a host of %d is too long", digits, length)
				}
			}
		}
	}
	if fitted == 0 || refused == 0 {
		t.Errorf("%d fit and %d do not", fitted, refused)
	}
}

// Whatever a text message is about, in whatever language and under whatever names, it
// costs what a text message may, says the code, and ends with the line that binds it.
func TestEveryTextMessageInEveryLanguageKeepsToItsPrice(t *testing.T) {
	t.Parallel()
	const long = "The Mutual Assurance Society of Greater Harbour and Quayside"
	for _, l := range plain.bundle.Languages() {
		for _, purpose := range []flows.Purpose{flows.CodeSignIn, flows.CodeStepUp, flows.CodeEnrol, flows.CodeChange} {
			for _, names := range [][2]string{{"Harbour Mutual", "Bank details"}, {long, long}, {"港湾相互", "口座"}, {"Société", "Détails"}, {"", ""}} {
				for _, once := range []bool{false, purpose != flows.CodeChange} { // which opens nothing
					for _, known := range []bool{false, true} {
						letter := aText(purpose)
						letter.Lang, letter.Site.Brand, letter.Target.Label = l.Tag, names[0], names[1]
						letter.Once, letter.PasswordKnown = once, known
						if once {
							letter.Target.Action = "POST /" + strings.Repeat("transfer/", 20)
						}
						if wrong := lintSMS(letter); wrong != "" {
							t.Errorf("%s, %s: %s", l.Tag, purpose, wrong)
						}
					}
				}
			}
		}
		notice := aText(flows.NoticePhoneChanged)
		notice.Code, notice.Lang = "", l.Tag
		if _, _, segments := send.Segments(compose(t, notice).Text); segments > mostSegments(t, plain, l.Tag) {
			t.Errorf("%s: the notice has %d segments", l.Tag, segments)
		}
	}
}

// With names of usual length, a message in every language says all that there is to say.
func TestATextMessageSaysWhatItIsForInEveryLanguage(t *testing.T) {
	t.Parallel()
	for _, l := range plain.bundle.Languages() {
		letter := aText(flows.CodeStepUp)
		letter.Lang = l.Tag
		if got := compose(t, letter).Text; !strings.Contains(got, "Harbour Mutual") || !strings.Contains(got, "Bank details") {
			t.Errorf("%s: %q", l.Tag, got)
		}
	}
}
