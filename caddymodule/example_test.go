package caddymodule

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func TestTheExampleIsFormattedAdaptsWithoutWarningsAndStarts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(caddyfile.Format(text), text) {
		t.Error("caddy fmt would change the example")
	}
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(text, map[string]any{"filename": "Caddyfile.example"})
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range warnings {
		t.Errorf("warning: %s", warning)
	}
	// The example keeps its data beside itself, which a test must not.
	config = bytes.Replace(config, []byte(`".build/demo-data"`), []byte(`"`+t.TempDir()+`"`), 1)
	if _, err := startSite(t, config); err != nil {
		t.Error(err)
	}
}

var caddyfileBlock = regexp.MustCompile("(?ms)^( *)```caddyfile\n(.*?)^ *```$")

// What people copy out of the documentation must work. A block that begins with a
// directive is a part of one, and shown elsewhere as a whole.
func TestTheCaddyfilesInTheDocumentationAreFormattedAndProvision(t *testing.T) {
	for name, value := range map[string]string{
		"SMTP_USER": "user", "SMTP_PASSWORD": "password", "STEPGATE_SECRET": testSecret,
		"MAIL_WEBHOOK_SECRET": testSecret, "VONAGE_SIGNATURE_SECRET": "signature",
		"VONAGE_API_KEY": "abcdefgh", "VONAGE_API_SECRET": "abcdefgh12345678",
	} {
		t.Setenv(name, value)
	}
	whole := 0
	for _, file := range []string{"../README.md", "../docs/configuration.md", "../docs/conditional-access.md", "../docs/delivery.md", "../docs/native-apps.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range caddyfileBlock.FindAllSubmatch(text, -1) {
			code := bytes.ReplaceAll(block[2], append([]byte("\n"), block[1]...), []byte("\n"))
			code = bytes.TrimPrefix(code, block[1])
			if !bytes.HasPrefix(code, []byte("{")) {
				continue
			}
			whole++
			if !bytes.Equal(caddyfile.Format(code), code) {
				t.Errorf("%s: caddy fmt would change\n%s", file, code)
			}
			config, err := adapt(string(code))
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			site := &testSite{clock: newTestClock(), logs: newTestLog(t)}
			if _, err := provision(site.hermetic(t, config)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	if whole < 11 {
		t.Errorf("only %d Caddyfiles were found", whole)
	}
}
