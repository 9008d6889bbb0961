package ui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/stepgate/stepgate/ui/lang"
)

// stepUpName is how applications name, in their pages, the script with which they ask for
// what a fetch of their own lacks. So it says nothing of what is in it, nor in which
// language.
const stepUpName = "step-up.js"

// stepUpScript is that script in one language.
func stepUpScript(l *lang.Language) (*asset, error) {
	source, err := files.ReadFile("assets/" + stepUpName)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, word := range [][2]string{
		{"login_required", "script.sign_in"}, {"confirm", "script.confirm"}, {"wait", "script.wait"}, {"go", "script.go"}, {"cancel", "script.cancel"},
	} {
		text, err := l.Text(word[1])
		if err != nil {
			return nil, err
		}
		said, err := json.Marshal(text)
		if err != nil {
			return nil, err
		}
		texts = append(texts, word[0]+":"+string(said))
	}
	script := strings.NewReplacer("TEXTS", "{"+strings.Join(texts, ",")+"}", "LANG", strconv.Quote(l.Tag), "DIR", strconv.Quote(l.Dir)).Replace(minifyScript(string(source)))
	a := newAsset(stepUpName, "text/javascript; charset=utf-8", []byte(script))
	a.name, a.stable = stepUpName, true
	return a, nil
}

// stepUpScripts are the script in every language that is offered, by tag.
func stepUpScripts(bundle *lang.Bundle) (map[string]*asset, error) {
	scripts := make(map[string]*asset)
	for _, l := range bundle.Languages() {
		script, err := stepUpScript(l)
		if err != nil {
			return nil, fmt.Errorf("writing the script for applications in %s: %w", l.Tag, err)
		}
		scripts[l.Tag] = script
	}
	return scripts, nil
}

var (
	jsAround = regexp.MustCompile(` ?([=>{}();,:?&|!.]+) ?`)
	jsLine   = regexp.MustCompile(`([{(,;])\n`)
	jsEnd    = regexp.MustCompile(`[;,]+}`)
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
	return jsEnd.ReplaceAllString(jsLine.ReplaceAllString(strings.Join(kept, "\n"), "$1"), "}")
}

// getDone is where a flow ends that a script has opened a window for. The page's own script
// tells the other one, and closes the window.
func (c *call) getDone() {
	pg := c.newPage("tell", "done", must(c.lang.Text("done.title")), "")
	pg.Lead = pg.T("done.lead")
	c.show(http.StatusOK, pg)
}
