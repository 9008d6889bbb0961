package ui

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"
	"text/tabwriter"
)

// write makes the two parts. The text one begins with what the mail is about; the
// code comes late enough to stay out of previews.
func (m mail) write() (text, html string, err error) {
	var b strings.Builder
	paragraph := func(s string) {
		if s != "" {
			b.WriteString(wrap(s, 72) + "\n\n")
		}
	}
	paragraph(m.Act)
	paragraph(m.Lead)
	paragraph(m.Code)
	paragraph(strings.TrimSpace(m.Share + " " + m.ShareRest))
	paragraph(m.You)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, fact := range m.Facts {
		fmt.Fprintf(table, "%s:\t%s\n", fact[0], fact[1])
	}
	table.Flush()
	b.WriteString("\n")
	paragraph(strings.TrimSpace(must(m.L.Text("mail.not_you")) + " " + m.NotYou))
	if m.NotMeURL != "" {
		b.WriteString(m.NotMe + "\n" + m.NotMeURL + "\n\n")
	}
	b.WriteString("--\n" + wrap(m.Sent, 72) + "\n")

	templates, err := parseTemplates()
	if err != nil {
		return "", "", fmt.Errorf("composing a mail: %w", err)
	}
	var h bytes.Buffer
	if err := templates.ExecuteTemplate(&h, "mail", m); err != nil {
		return "", "", fmt.Errorf("composing a mail: %w", err)
	}
	return b.String(), h.String(), nil
}

// NotYouHeading is the question before what to do.
func (m mail) NotYouHeading() string { return must(m.L.Text("mail.not_you")) }

// Filler keeps what follows out of the preview in lists of mails.
func (m mail) Filler() template.HTML {
	return template.HTML(strings.Repeat("&#8203;&nbsp;", 60))
}

// wrap breaks a paragraph at spaces.
func wrap(s string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\n' }) { // not at no-break spaces
		n := len([]rune(word))
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
