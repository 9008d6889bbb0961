package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/stepgate/stepgate/policy"
)

// parseCases reads a file of policy tests, see [CaseFile]. Errors name file and line.
func parseCases(name, text string) ([]policyCase, error) {
	fail := func(line int, err error) ([]policyCase, error) {
		return nil, fmt.Errorf("%s:%d: %w", name, line, err)
	}
	if len(text) > maxCaseFile {
		return nil, fmt.Errorf("%s: the file is larger than %d bytes", name, maxCaseFile)
	}
	p := &caseParser{seen: make(map[string]int)}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if len(line) > maxCaseLine || !utf8.ValidString(line) {
			return fail(number, fmt.Errorf("a line is UTF-8 and has at most %d bytes", maxCaseLine))
		}
		words, err := caseWords(line)
		if err == nil && len(words) > 0 {
			err = p.line(words)
		}
		if err != nil {
			return fail(number, err)
		}
		if len(p.cases) > maxCases {
			return fail(number, fmt.Errorf("more than %d cases in one file", maxCases))
		}
		if len(p.cases) > 0 && p.cases[len(p.cases)-1].at == "" {
			c := &p.cases[len(p.cases)-1]
			c.at, c.text = fmt.Sprintf("%s:%d", name, number), caseText(words)
			key := fmt.Sprintf("%+v", c.question)
			if first, ok := p.seen[key]; ok {
				return fail(number, fmt.Errorf("the same case is at line %d already", first))
			}
			p.seen[key] = number
		}
	}
	if len(p.cases) == 0 {
		return nil, fmt.Errorf("%s: there is no case in it: write one such as `GET / expect sign_in`", name)
	}
	return p.cases, nil
}

// caseText is the request of a case, for messages.
func caseText(words []caseWord) string { return words[0].text + " " + words[1].text }

// A caseWord is one word of a line. Quoted ones are never keywords.
type caseWord struct {
	text   string
	quoted bool
}

func (w caseWord) is(keyword string) bool { return !w.quoted && w.text == keyword }

// caseWords splits a line at blanks. A word in double quotes may hold blanks; \" and \\
// stand for themselves there. # begins a comment where a word could.
func caseWords(line string) (words []caseWord, err error) {
	for {
		line = strings.TrimLeft(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			return words, nil
		}
		if line[0] != '"' {
			end := strings.IndexAny(line, " \t\r\n")
			if end < 0 {
				end = len(line)
			}
			words, line = append(words, caseWord{text: line[:end]}), line[end:]
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return nil, errors.New("a word in quotes does not end on its line")
		}
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("%s is no word: %w", quoted, err)
		}
		words, line = append(words, caseWord{text, true}), line[len(quoted):]
		if line != "" && !strings.ContainsRune(" \t\r\n", rune(line[0])) {
			return nil, fmt.Errorf("write a blank after %s", quoted)
		}
	}
}

type caseParser struct {
	site   string   // origin; empty: the site that names the file
	person Question // as of the last `as`
	cases  []policyCase
	seen   map[string]int // by question, the line
}

func (p *caseParser) line(words []caseWord) error {
	switch {
	case words[0].is("site"):
		return p.setSite(words[1:])
	case words[0].is("as"):
		return p.as(words[1:])
	}
	return p.add(words)
}

func (p *caseParser) setSite(words []caseWord) error {
	if len(words) != 1 {
		return errors.New("site needs one origin, such as site https://app.example.com")
	}
	origin, err := parseOrigin(words[0].text)
	p.site = origin
	return err
}

func (p *caseParser) as(words []caseWord) error {
	if len(words) == 0 {
		return errors.New("as whom? Write an e-mail address, or nobody")
	}
	p.person = Question{Method: http.MethodGet, URL: "https://example.com/"}
	if !words[0].is("nobody") {
		p.person.User = words[0].text
	}
	if err := parseSettings(words[1:], &p.person); err != nil {
		return err
	}
	return p.person.check()
}

func (p *caseParser) add(words []caseWord) error {
	at := slices.IndexFunc(words, func(w caseWord) bool { return w.is("expect") })
	if len(words) < 2 || at == 0 {
		return fmt.Errorf("%q is no case: write a method, a path or URL, and what to expect", words[0].text)
	}
	if at == 1 {
		return fmt.Errorf("%s of what? Write a path or a URL after the method", words[0].text)
	}
	if at < 0 {
		if err := parseSettings(words[2:], new(Question), "expect"); err != nil {
			return err
		}
		return errors.New("what should become of it? Write `expect` and an outcome at the end")
	}
	c := policyCase{question: p.person}
	q := &c.question
	q.Header = q.Header.Clone()
	q.Method, q.URL = words[0].text, words[1].text
	if q.Method != strings.ToUpper(q.Method) {
		return fmt.Errorf("unknown word %q: a line begins with site, as, or a method such as GET", q.Method)
	}
	if err := parseSettings(words[2:at], q, "expect"); err != nil {
		return err
	}
	var err error
	if c.expect, err = parseExpectation(words[at+1:]); err != nil {
		return err
	}
	if c.path = strings.HasPrefix(q.URL, "/"); c.path && p.site != "" {
		q.URL, c.path = p.site+q.URL, false
	}
	checked := *q
	if c.path {
		checked.URL = "https://example.com" + q.URL
	}
	p.cases = append(p.cases, c)
	return checked.check()
}

// expectable are the verdicts that a case may expect.
var expectable = []string{"pass", "sign_in", "step_up", "refuse", "bad_target", "answered"}

func parseExpectation(words []caseWord) (expectation, error) {
	var e expectation
	if len(words) == 0 {
		return e, fmt.Errorf("expect says nothing: write %s", alternatives(expectable))
	}
	if !slices.Contains(expectable, words[0].text) {
		return e, fmt.Errorf("unknown outcome %q: write %s", words[0].text, alternatives(expectable))
	}
	e.verdict = verdict(words[0].text)
	rest := words[1:]
	switch e.verdict {
	case verdictStepUp:
		return e, e.parseNeeds(rest)
	case verdictAnswered:
		status, err := 0, errors.New("no status")
		if len(rest) == 1 {
			status, err = strconv.Atoi(rest[0].text)
		}
		if e.status = status; err != nil || status < 100 || status > 599 {
			return e, errors.New("answered needs the status of the answer, such as answered 308")
		}
		return e, nil
	}
	if len(rest) > 0 {
		return e, fmt.Errorf("unexpected %q after %s", rest[0].text, e.verdict)
	}
	return e, nil
}

func (e *expectation) parseNeeds(words []caseWord) error {
	once := false
	for _, word := range words {
		known := false
		for dimension := range policy.Dimensions() {
			known = known || dimension.String() == word.text
		}
		switch {
		case word.text == "once" && !once:
			once = true
		case !known && word.text != "once":
			return fmt.Errorf("unknown proof %q: step_up lists what is missing, of session, password, email_code, sms_code, otp and once", word.text)
		case slices.Contains(e.needs, word.text) || word.text == "once":
			return fmt.Errorf("%s is listed twice", word.text)
		default:
			e.needs = append(e.needs, word.text)
		}
	}
	if len(e.needs) == 0 {
		return errors.New("step_up lists what is missing: write otp, sms_code, email_code, password or session after it")
	}
	slices.Sort(e.needs)
	if once {
		e.needs = append(e.needs, "once")
	}
	return nil
}
