package caddymodule

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/stepgate/stepgate/policy"
)

// print writes the explanation for people. Everything in it may come from a client, so
// nothing reaches the terminal that is no printable character.
func (e *Explanation) print(w io.Writer) error {
	p := &explainPrinter{}
	e.printRequest(p)
	if e.Risk.Band != "" {
		e.printPerson(p)
		e.printRisk(p)
		e.printRules(p)
	}
	if e.Demand != "" {
		p.line("demand", e.Demand)
	}
	if len(e.Missing) > 0 {
		p.line("missing", e.missing())
	}
	p.line("answer", e.answer())
	for _, note := range e.Notes {
		p.line("note", note)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

func (e *Explanation) printRisk(p *explainPrinter) {
	p.line("risk", e.Risk.Band)
	width := 20
	for _, s := range e.Risk.Signals {
		width = max(width, len(s.Signal)+2)
	}
	for _, s := range e.Risk.Signals {
		p.line("", column(s.Signal, width)+column(s.Band, 8)+s.words())
	}
}

func (e *Explanation) printRules(p *explainPrinter) {
	label := "rules"
	for _, rule := range e.Rules {
		name, why := rule.Rule, rule.Why
		if rule.Would != "" {
			name, why = strings.TrimPrefix(name, "report "), "would "+strings.ReplaceAll(rule.Would, "_", " ")+": "+why
		}
		p.line(label, column(rule.Outcome, 8)+name)
		p.line("", column("", 8)+why)
		label = ""
	}
}

func (e *Explanation) printRequest(p *explainPrinter) {
	if e.Decision != "" {
		p.line("decision", e.Decision+" at "+e.Time.Format(time.RFC3339))
	}
	if e.Site != "" {
		p.line("site", e.Site)
	}
	target := e.Method + " " + e.Target
	if len(e.Query) > 0 {
		target += "?" + strings.Join(e.Query, "&")
	}
	p.line("target", target)
	if e.AskedFor != "" {
		p.line("", "rewritten from "+e.AskedFor)
	}
	for _, reading := range e.Readings {
		p.line("", "also read as "+reading)
	}
	from := e.Client.Network
	if e.Client.Address != "" {
		from = e.Client.Address
	}
	if e.Client.Trusted {
		from += ", through a trusted proxy"
	}
	p.line("from", from)
}

func (e *Explanation) printPerson(p *explainPrinter) {
	who := e.Person
	if who == nil {
		p.line("person", "nobody is signed in")
		return
	}
	text := who.Email
	if len(who.Groups) > 0 {
		text += ", in " + strings.Join(who.Groups, ", ")
	} else {
		text += ", in no group"
	}
	p.line("person", text)
	var proof []string
	for _, f := range policy.All().Slice() {
		if age, ok := who.Proof[f.String()]; ok {
			proof = append(proof, f.String()+" "+ago(age))
		}
	}
	if proof == nil {
		proof = []string{"nothing"}
	}
	p.line("", "proved: "+strings.Join(proof, ", "))
	for _, channel := range who.Spent {
		p.line("", "the "+channel+" does not count as a second factor at present, after a reset")
	}
	p.line("", fmt.Sprintf("session opened %s, %s device, %s network, %d recent failures",
		ago(who.SessionAge), knownOrNew(who.KnownDevice), knownOrNew(who.KnownNetwork), who.RecentFailures))
	if who.Client != "" {
		p.line("", "signed in through the application "+who.Client)
	}
}

// answer is what becomes of the request, in a few words.
func (e *Explanation) answer() string {
	a := e.Answer
	switch verdict(a.Verdict) {
	case verdictPass:
		return "pass"
	case verdictSignIn:
		return "sign in"
	case verdictStepUp:
		return "step up: " + e.missing()
	case verdictRefuse:
		if len(a.Only) > 0 {
			return "refuse: only for " + strings.Join(a.Only, ", and only for ")
		}
	case verdictBadTarget:
		return fmt.Sprintf("bad target (%d): %s", a.Status, a.Why)
	case verdictAnswered:
		return e.answered()
	}
	text := strings.ReplaceAll(a.Verdict, "_", " ")
	if a.Status != 0 {
		text += fmt.Sprintf(" (%d)", a.Status)
	}
	if a.Why != "" {
		text += ": " + a.Why
	}
	return text
}

func (e *Explanation) answered() string {
	a := e.Answer
	text := a.Why
	if a.By != "" {
		text += ", " + a.By + " answers"
	}
	if a.Status != 0 {
		text += fmt.Sprintf(" (%d)", a.Status)
	}
	return text
}

// missing lists what is missing, in the words of rules.
func (e *Explanation) missing() string {
	var parts []string
	for _, need := range e.Missing {
		parts = append(parts, need.String())
	}
	return strings.Join(parts, " + ")
}

// words are the value of the signal, and what there is to say about it.
func (s *ExplainedSignal) words() string {
	return strings.Join(slices.DeleteFunc([]string{s.Value, s.Why}, func(part string) bool { return part == "" }), ", ")
}

func ago(age string) string {
	if age == "in the future" {
		return age
	}
	return age + " ago"
}

// column fills text up with blanks, and leaves one at least.
func column(text string, width int) string {
	return text + strings.Repeat(" ", max(1, width-len(text)))
}

type explainPrinter struct{ strings.Builder }

func (p *explainPrinter) line(label, text string) {
	p.WriteString(printable(strings.TrimRight(column(label, 10)+text, " ")) + "\n")
}

// printable is text without what could move a terminal's cursor, or mislead its reader.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
