package caddymodule

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/ui"
)

const pagesCaddyfile = `{
	stepgate {
		store badger records
		email smtp smtp.quay.example:587 {
			from "Quay <no-reply@quay.example>"
		}
		brand {
			name "Quay & Sons"
			accent "#FFD60A"
		}
	}
}
https://wages.quay.example, https://expenses.quay.example:8443 {
	stepgate {
		name Wages
	}
	respond "in"
}
`

func readListing(t *testing.T, dir string) albumListing {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, albumList))
	if err != nil {
		t.Fatal(err)
	}
	var list albumListing
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestEveryPageIsWrittenAsAFileThatOpensFromDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	got := stepgate(t, dir, "pages", "--out", "album", "--language", "en", "--language", "ar", "--pseudo")
	if got.code != exitOK || !strings.Contains(got.out, "of 1 site in 4 languages: open album/index.html\n") || strings.Count(got.out, "\n") != 1 {
		t.Fatalf("%+v", got)
	}
	album := filepath.Join(dir, "album")
	list := readListing(t, album)
	index, err := os.ReadFile(filepath.Join(album, albumIndex))
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[ui.ShownKind]int{}
	for _, e := range list.Shown {
		kinds[e.Kind]++
		for _, file := range []string{e.File, e.Text} {
			if file == "" {
				continue
			}
			if info, err := os.Stat(filepath.Join(album, file)); err != nil || info.Size() == 0 {
				t.Errorf("%s is empty, or not there: %v", file, err)
			}
			if !strings.Contains(string(index), `href="`+file+`"`) {
				t.Errorf("the index leaves out %s", file)
			}
		}
		if page := e.Kind == ui.ShownPage; (e.Status != 0) != page || (e.Headers["Content-Security-Policy"] != "") != page || e.Headers["Set-Cookie"] != "" {
			t.Errorf("%s has status %d and headers %v", e.File, e.Status, e.Headers)
		}
	}
	if kinds[ui.ShownPage] < 4*190 || kinds[ui.ShownMail] < 4*20 || kinds[ui.ShownText] < 4*3 {
		t.Errorf("there are %v", kinds)
	}
	page, err := os.ReadFile(filepath.Join(album, "payroll.harbour.example", "ar", "sign-in.html"))
	if err != nil || !strings.Contains(string(page), `dir="rtl"`) || !strings.Contains(string(page), `href="../assets/stepgate.`) {
		t.Errorf("%v: %.600s", err, page)
	}
}

func TestThePagesOfAConfigurationHaveItsBrands(t *testing.T) {
	t.Parallel()
	dir := inDirectory(t, map[string]string{
		"Caddyfile": pagesCaddyfile, "broken": strings.Replace(pagesCaddyfile, "#FFD60A", "yellow", 1), "none": "http://localhost {\n\trespond ok\n}\n",
	})
	for _, row := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--out", "all", "--config", "Caddyfile"}, exitOK, "of 2 sites in 1 language"},
		{[]string{"--out", "one", "--config", "Caddyfile", "--site", "https://expenses.quay.example:8443/"}, exitOK, "of 1 site in 1 language"},
		{[]string{"--out", "x", "--config", "Caddyfile", "--site", "https://elsewhere.example"}, exitUsage, "--site takes one of https://expenses.quay.example:8443, https://wages.quay.example"},
		{[]string{"--out", "x", "--config", "none", "--adapter", "caddyfile"}, exitUsage, "no site of none has stepgate: add `stepgate` to one"},
		{[]string{"--out", "x", "--config", "broken", "--adapter", "caddyfile"}, exitUsage, "yellow"},
		{[]string{"--out", "x", "--site", "https://wages.quay.example"}, exitUsage, "say which with --config"},
		{[]string{"--config", "Caddyfile"}, exitUsage, "where to? Say --out"},
		{[]string{"--out", "x", "--language", "tlh"}, exitUsage, `no language \"tlh\": there are en, `},
		{[]string{"--out", "x", "more"}, exitUsage, "unknown command"},
	} {
		if row.code == exitOK {
			row.args = append(row.args, "--language", "en")
		}
		if got := stepgate(t, dir, append([]string{"pages"}, row.args...)...); got.code != row.code || !strings.Contains(got.out+got.err, row.want) {
			t.Errorf("%s: exit code %d\n%s\n%s\nwant %d, %s", strings.Join(row.args, " "), got.code, got.out, got.err, row.code, row.want)
		}
	}
	for _, file := range []string{"all/wages.quay.example/en/sign-in.html", "all/expenses.quay.example-8443/en/sign-in.html", "one/expenses.quay.example-8443/en/mail-code-sign-in.html"} {
		page, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || !strings.Contains(string(page), "Quay &amp; Sons") || strings.Contains(string(page), "harbour.example/") {
			t.Errorf("%s: %v: %.300s", file, err, page)
		}
	}
	for _, name := range []string{"x", "records", "one/wages.quay.example"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was made: %v", name, err)
		}
	}
}

func TestADirectoryWithAnythingElseInItIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := inDirectory(t, map[string]string{
		"full/notes.txt":           "mine",
		"fake/" + albumList:        "not JSON",
		"file":                     "no directory",
		"outside":                  "mine",
		"sly/" + albumList:         `{"shown":[{"file":"../outside"},{"file":"kept"},{"file":"."}],"sites":[{"files":["/etc/hostname"]}]}`,
		"sly/kept/notes.txt":       "mine",
		"old/" + albumList:         `{"shown":[{"file":"site/en/gone.html","text":"site/en/gone.txt"}]}`,
		"old/site/en/gone.html":    "of a version before",
		"old/site/en/gone.txt":     "of a version before",
		"old/site/en/notes.txt":    "mine",
		"old/" + albumIndex:        "of a version before",
		"linked/" + albumList:      `{"shown":[{"file":"away/outside"}]}`,
		"linked/unrelated/a/b/c/d": "mine",
	})
	if err := os.Symlink(dir, filepath.Join(dir, "linked", "away")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	for out, want := range map[string]string{
		"full": "holds files that are not an album of pages: name a directory that is empty",
		"fake": "holds files that are not an album of pages", "file": "making a directory for the pages",
		"sly": "clearing", "linked": "clearing", "old": "", "empty": "", "new/deep": "",
	} {
		a, err := openAlbum(filepath.Join(dir, out))
		if err == nil {
			a.close()
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", out, err)
		}
	}
	for name, there := range map[string]bool{
		"full/notes.txt": true, "outside": true, "sly/kept/notes.txt": true, "old/site/en/notes.txt": true, "linked/unrelated/a/b/c/d": true,
		"old/site/en/gone.html": false, "old/site/en/gone.txt": false, "old/" + albumIndex: false, "full/" + albumList: false, "empty/" + albumList: true,
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != there {
			t.Errorf("%s is there: %v", name, err == nil)
		}
	}
}

func TestAnAlbumIsWrittenAnewWhereOneWas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, language := range []string{"ar", "en"} {
		if got := stepgate(t, dir, "pages", "--out", ".", "--language", language); got.code != exitOK {
			t.Fatalf("%+v", got)
		}
	}
	for lang, there := range map[string]bool{"ar": false, "en": true} {
		if _, err := os.Stat(filepath.Join(dir, "payroll.harbour.example", lang, "sign-in.html")); (err == nil) != there {
			t.Errorf("%s is there: %v", lang, err == nil)
		}
	}
}

func TestASiteHasADirectoryOfItsOwn(t *testing.T) {
	t.Parallel()
	for origin, want := range map[string]string{
		"https://a.example": "a.example", "http://localhost:8080": "localhost-8080", "https://[2001:db8::1]:8443": "2001-db8--1-8443", "": "site", "%": "site",
	} {
		if got := siteDir(origin); got != want || !filepath.IsLocal(got) {
			t.Errorf("%s: %s", origin, got)
		}
	}
}
