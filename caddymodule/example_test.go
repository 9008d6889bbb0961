package caddymodule

import (
	"bytes"
	"os"
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
