package ui

import (
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/send"
)

func TestAHostFitsATextMessageAsLongAsItIsOneSegment(t *testing.T) {
	t.Parallel()
	fitted, refused := 0, 0
	for _, digits := range []int{6, 8} {
		for length := 100; length <= 150; length++ {
			host := strings.Repeat("a", 60) + "." + strings.Repeat("b", length-61-len(".example.com")) + ".example.com"
			site := &flows.Site{Origin: "https://" + host + ":8443", Name: "Payroll", Brand: "Example"}
			fits, err := FitsSMS(site, digits)
			if err != nil {
				t.Fatal(err)
			}
			m, err := Compose(flows.Letter{Site: site, Medium: send.SMS, To: "+447700900123", Purpose: flows.CodeEnrol,
				Lang: "en", Code: strings.Repeat("8", digits)}, plain)
			if err != nil {
				t.Fatal(err)
			}
			_, _, segments := send.Segments(m.Text)
			if fits != (segments == 1) || !strings.Contains(m.Text, "@"+host+" #") {
				t.Errorf("%d digits, a host of %d: fits is %t, but the text has %d segments", digits, length, fits, segments)
			}
			if fits {
				fitted++
			} else {
				refused++
			}
			if !fits && length <= 120 {
				t.Errorf("%d digits: a host of %d is too long", digits, length)
			}
		}
	}
	if fitted == 0 || refused == 0 {
		t.Errorf("%d fit and %d do not", fitted, refused)
	}
}
