package caddymodule

import (
	"bytes"
	"html/template"
	"slices"
	"strings"

	"github.com/stepgate/stepgate/ui"
)

// albumSection is a table of the index: names against languages.
type albumSection struct {
	Origin, Title string
	Languages     []string
	Rows          []albumRow
}

type albumRow struct {
	Name   string
	Status int
	Cells  []albumEntry // one for each language; an empty one has no file
}

// albumIndexPage lists everything, by site and by what it is.
func albumIndexPage(list albumListing) ([]byte, error) {
	var sections []albumSection
	for _, site := range list.Sites {
		for _, part := range []struct {
			kind  ui.ShownKind
			title string
		}{{ui.ShownPage, "Pages"}, {ui.ShownMail, "Mails"}, {ui.ShownText, "Text messages"}} {
			sections = append(sections, sectionOf(list.Shown, site.Origin, part.kind, part.title))
		}
	}
	var out bytes.Buffer
	err := albumTemplate.Execute(&out, sections)
	return out.Bytes(), err
}

func sectionOf(all []albumEntry, origin string, kind ui.ShownKind, title string) albumSection {
	s := albumSection{Origin: origin, Title: title}
	rows := map[string]int{}
	for _, e := range all {
		if e.Origin != origin || e.Kind != kind {
			continue
		}
		if !slices.Contains(s.Languages, e.Lang) {
			s.Languages = append(s.Languages, e.Lang)
		}
		if _, there := rows[e.Name]; !there {
			rows[e.Name] = len(s.Rows)
			s.Rows = append(s.Rows, albumRow{Name: e.Name, Status: e.Status})
		}
		row := &s.Rows[rows[e.Name]]
		row.Cells = append(row.Cells, e)
	}
	return s
}

var albumTemplate = template.Must(template.New("").Funcs(template.FuncMap{
	"words": func(name string) string { return strings.ReplaceAll(name, "-", " ") },
}).Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Pages and messages</title>
<style>
body { margin: 2rem auto; padding: 0 1rem; max-width: 64rem; font: 1rem/1.5 system-ui, sans-serif; }
h2 { margin-top: 3rem; } table { border-collapse: collapse; } th, td { padding: .25rem .75rem .25rem 0; text-align: start; vertical-align: top; }
th { font-weight: 600; } tbody tr { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); } .scroll { overflow-x: auto; }
</style>
</head>
<body>
<main>
<h1>Pages and messages</h1>
<p>Every page in every state, and every message, with people who are made up. Forms do nothing here.</p>
<p>Pages and mails are light or dark as this system is. To see the other scheme: in Chromium and Edge developer tools, <em>Rendering</em>,
<em>Emulate CSS media feature prefers-color-scheme</em>; in Firefox developer tools, the sun and the moon in the <em>Inspector</em>.
The same places emulate print and, in Chromium, forced colours, more contrast and less motion.</p>
{{range .}}{{$section := .}}<h2>{{.Title}} of {{.Origin}}</h2>
<div class="scroll" role="region" aria-label="{{.Title}} of {{.Origin}}" tabindex="0"><table>
<thead><tr><th scope="col">State</th>{{if (index .Rows 0).Status}}<th scope="col">Status</th>{{end}}{{range .Languages}}<th scope="col">{{.}}</th>{{end}}</tr></thead>
<tbody>
{{range .Rows}}<tr><th scope="row">{{words .Name}}</th>{{if .Status}}<td>{{.Status}}</td>{{end}}{{range .Cells}}<td><a href="{{.File}}">{{.Lang}}</a>{{with .Text}} <a href="{{.}}">text</a>{{end}}</td>{{end}}</tr>
{{end}}</tbody>
</table></div>
{{end}}</main>
</body>
</html>
`))
