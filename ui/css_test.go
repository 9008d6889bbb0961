package ui

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRulesThatBrowsersFollowAreAccepted(t *testing.T) {
	t.Parallel()
	for _, css := range []string{
		"", "/* nothing */", ".btn { border-radius: 0 }\n", ":root{--font:Georgia,serif}",
		"@media (min-width: 40rem) { .head { padding: 0 } }", `.brand::after { content: "\201C } url(" }`,
		`body { background: url("/static/a(1).svg") no-repeat, url( /static/b.png ) }`, ".tile { mask: url(#shape) }",
		"@supports (color: oklch(0 0 0)) { a { color: oklch(.5 .1 120) } }", `.a\:b { color: red }`, `.x { content: "a\
b" }`, "@layer mine { .note { color: red } }", `[data-page="code"] .sheet { max-width: calc(2px * (3 + 1)) }`,
	} {
		if err := checkCSS(css); err != nil {
			t.Errorf("%q: %v", css, err)
		}
	}
}

func TestRulesThatBrowsersWouldNotFollowAreRefusedWithTheLine(t *testing.T) {
	t.Parallel()
	const elsewhere = "nothing but pictures of their own site"
	for css, want := range map[string]string{
		"a{}\n@import 'x.css';":                                "line 2: @import is refused",
		`@\69mport "x.css";`:                                   "@import is refused",
		"@IMPORT/**/url(x)":                                    "@import is refused",
		"@font-face { font-family: X; src: url(/x.woff2) }":    "pages load no fonts",
		"\n\na { background: url(https://example.com/x.png) }": "line 3: url(https://example.com/x.png) is refused",
		`a { background: URL("//example.com/x.png") }`:         elsewhere,
		`a { background: u\72l(//example.com/x.png) }`:         elsewhere,
		`a { background: url(\68ttps://example.com/x.png) }`:   elsewhere,
		`a { background: url("/\\example.com/x") }`:            elsewhere,
		`a { background: url(/\9/example.com/x) }`:             elsewhere,
		`a { background: url(data:image/png;base64,AAAA) }`:    elsewhere,
		`a { background: url(static/x.png) }`:                  "whole path",
		`a { background: url() }`:                              elsewhere,
		`a { background: url("/x" }`:                           "not closed",
		`a { background: url(/x`:                               "not closed",
		`a { background: image-set("x.png" 1x) }`:              "image-set() is refused",
		`a { background: -webkit-image-set("x.png" 1x) }`:      "is refused",
		"<style>a{}</style>":                                   "without <style>",
		"a{}\n/* no end":                                       "line 2: this comment is not closed",
		"a{\ncolor: red":                                       "line 1: this { is not closed",
		"a{}}\n":                                               "this } closes nothing",
		"a{ color: rgb(1,2,3 }":                                "this } closes nothing",
		"a::after{ content: \"x\n}":                            "this string is not closed",
		"a::after{ content: 'x":                                "this string is not closed",
		"a{color:\xff}":                                        "no UTF-8",
		"a{}\x00":                                              "no UTF-8",
		strings.Repeat("a{}", MaxFile/3+1):                     "leave out",
	} {
		if err := checkCSS(css); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", css, err, want)
		}
	}
}

func TestAnyTextIsReadAsCSSToItsEnd(t *testing.T) {
	t.Parallel()
	piece := rapid.SampledFrom([]string{"url(", "\\", "\"", "'", "/*", "*/", "(", ")", "{", "}", "@", "import", " ", "\n", "a", "/x", "é", "\\75rl(", "6", "\t"})
	rapid.Check(t, func(t *rapid.T) {
		css := strings.Join(rapid.SliceOf(piece).Draw(t, "pieces"), "")
		if err := checkCSS(css); err == nil && strings.Contains(css, "@import") && !strings.ContainsAny(css, "\"'*\\") {
			t.Fatalf("%q was accepted", css)
		}
	})
}
