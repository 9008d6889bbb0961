package caddymodule

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows/send"
)

func TestTwoSpellingsOfADirectoryAreOnePlace(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := os.Mkdir(real, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	for _, spelling := range []string{
		filepath.Join(real, "data"), filepath.Join(link, "data"), real + "/./x/../data/", link + "//data",
	} {
		s := &BadgerStore{Path: spelling}
		if err := s.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
		place, err := s.Place()
		if err != nil || place != filepath.Join(real, "data") {
			t.Errorf("%s: got %s, %v", spelling, place, err)
		}
	}
	if _, err := os.Stat(filepath.Join(real, "data")); !os.IsNotExist(err) {
		t.Errorf("looking for the place made it: %v", err)
	}
}

func TestTheStoreLiesInCaddysDataDirectoryUnlessSaidOtherwise(t *testing.T) {
	t.Parallel()
	s := new(BadgerStore)
	if err := s.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	want, err := realPath(filepath.Join(caddy.AppDataDir(), "stepgate"))
	if place, _ := s.Place(); err != nil || place != want {
		t.Errorf("got %s, want %s (%v)", place, want, err)
	}
}

func TestMemoriesOfDifferentNamesAreDifferentPlaces(t *testing.T) {
	t.Parallel()
	places := make(map[string]bool)
	for _, name := range []string{"", "one", "two"} {
		place, err := (&MemoryStore{Name: name}).Place()
		if err != nil {
			t.Fatal(err)
		}
		places[place] = true
	}
	if len(places) != 3 {
		t.Errorf("got %v", places)
	}
}

func TestASenderCarriesItsOwnMediumOnly(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		module     SenderModule
		email, sms bool
	}{
		{new(SMTPSender), true, false},
		{new(VonageSender), false, true},
		{new(WebhookSender), true, true},
		{new(InboxSender), true, true},
	} {
		if row.module.Carries(send.Email) != row.email || row.module.Carries(send.SMS) != row.sms {
			t.Errorf("%T", row.module)
		}
	}
}

func TestEveryTextFieldOfASenderMayBeAPlaceholder(t *testing.T) {
	t.Setenv("STEPGATE_TEST_TLS", "tls")
	t.Setenv("STEPGATE_TEST_METHOD", "sha512")
	s, err := tryNewSite(t, `{
	stepgate {
		store memory
		email smtp mail.example.com:587 {
			from a@example.com
			tls  {env.STEPGATE_TEST_TLS}
		}
		sms vonage {
			api_key          abcd1234
			api_secret       secret
			from             Example
			countries        GB
			signature_secret another
			signature_method {env.STEPGATE_TEST_METHOD}
		}
	}
}
`+guarded(`respond "hello"`))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.app.email[0].(*SMTPSender).TLS; got != "tls" {
		t.Errorf("tls is %q", got)
	}
	if got := s.app.sms[0].(*VonageSender).SignatureMethod; got != "sha512" {
		t.Errorf("signature_method is %q", got)
	}
}

func TestNamesMayHoldWhateverIsSeen(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Löhne & Gehälter", "می\u200cخواهم", "👩\u200d💻 Payroll", "給与", "ال رواتب", "क्\u200dष", "Payroll™"} {
		if err := checkLabel("name", name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}
