package ui

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/stepgate/stepgate/ui/lang"
)

// stepUpScript is the script with which an application asks for what a fetch of its own
// lacks. Applications name it in their pages, so its address says nothing of what is in it.
func stepUpScript(l *lang.Language) (*asset, error) {
	const name = "step-up.js"
	source, err := files.ReadFile("assets/" + name)
	if err != nil {
		return nil, err
	}
	texts := make(map[string]string)
	for word, key := range map[string]string{
		"login_required": "script.sign_in", "confirm": "script.confirm", "wait": "script.wait", "go": "script.go", "cancel": "script.cancel",
	} {
		if texts[word], err = l.Text(key); err != nil {
			return nil, err
		}
	}
	said, err := json.Marshal(texts)
	if err != nil {
		return nil, err
	}
	script := strings.Replace(minifyScript(string(source)), "TEXTS", string(said), 1)
	a := newAsset(name, "text/javascript; charset=utf-8", []byte(script))
	a.name, a.stable = name, true
	return a, nil
}

var (
	jsAround = regexp.MustCompile(` ?([=>{}();,:?&|!.]+) ?`)
	jsLine   = regexp.MustCompile(`([{(,;])\n`)
)

// minifyScript makes a script smaller. It knows only our own: no comment behind code, no
// text over several lines, and no string with a space beside punctuation.
func minifyScript(js string) string {
	var kept []string
	for line := range strings.Lines(js) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			kept = append(kept, jsAround.ReplaceAllString(line, "$1"))
		}
	}
	// A line that ends so goes on, or has come to its end, on one line as well.
	return jsLine.ReplaceAllString(strings.Join(kept, "\n"), "$1")
}

// getDone is where a flow ends that a script has opened a window for. The page's own script
// tells the other one, and closes the window.
func (c *call) getDone() {
	pg := c.newPage("tell", "done", must(c.lang.Text("done.title")), "")
	pg.Lead = pg.T("done.lead")
	c.show(http.StatusOK, pg)
}
