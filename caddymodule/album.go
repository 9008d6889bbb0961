package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stepgate/stepgate/ui"
)

// The names of an album's own files. The list says what the album consists of, and so
// that the directory is one.
const (
	albumIndex = "index.html"
	albumList  = "stepgate-pages.json"
)

// An album is a directory of pages and messages as files.
type album struct {
	dir       string
	root      *os.Root
	list      albumListing
	kinds     map[ui.ShownKind]int
	languages map[string]bool
	made      map[string]bool // directories
}

// albumListing is what albumList holds.
type albumListing struct {
	Note  string        `json:"note"`
	Shown []albumEntry  `json:"shown"`
	Sites []albumAssets `json:"sites"`
}

// An albumEntry is one page or message. Status and headers are those with which a
// browser would get the page.
type albumEntry struct {
	File    string            `json:"file"`
	Text    string            `json:"text,omitempty"` // file of a mail's other part
	Origin  string            `json:"origin"`
	Kind    ui.ShownKind      `json:"kind"`
	Name    string            `json:"name"`
	Lang    string            `json:"lang"`
	Dir     string            `json:"dir"`
	Title   string            `json:"title,omitempty"`
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

type albumAssets struct {
	Origin string   `json:"origin"`
	Files  []string `json:"files"`
}

// openAlbum makes the directory, or takes one that is empty, or clears one that holds an
// album and nothing more than that is taken away.
func openAlbum(dir string) (*album, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making a directory for the pages: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", dir, err)
	}
	a := &album{dir: dir, root: root, kinds: map[ui.ShownKind]int{}, languages: map[string]bool{}, made: map[string]bool{}}
	if err := a.clear(); err != nil {
		a.close()
		return nil, err
	}
	// Written first as well: what is interrupted is an album all the same.
	if err := a.writeList(); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *album) close() { a.root.Close() }

func (a *album) clear() error {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return fmt.Errorf("reading %s: %w", a.dir, err)
	}
	if len(entries) == 0 {
		return nil
	}
	data, err := a.root.ReadFile(albumList)
	var old albumListing
	if err == nil {
		err = json.Unmarshal(data, &old)
	}
	if err != nil {
		return fmt.Errorf("%s holds files that are not an album of pages: name a directory that is empty or not there yet", a.dir)
	}
	files := []string{albumIndex}
	for _, e := range old.Shown {
		files = append(files, e.File, e.Text)
	}
	for _, s := range old.Sites {
		files = append(files, s.Files...)
	}
	for _, file := range files {
		// The list is a file that anybody may have written: it names regular files only, and
		// only below the directory, which the root sees to.
		if info, err := a.root.Lstat(file); file == "" || errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err := a.root.Remove(file); err != nil {
			return fmt.Errorf("clearing %s: %w", a.dir, err)
		}
	}
	return nil
}

// add writes the gallery of one site.
func (a *album) add(origin string, g *ui.Gallery) error {
	site := siteDir(origin)
	for shown, err := range g.All() {
		if err != nil {
			return fmt.Errorf("rendering the pages of %s: %w", origin, err)
		}
		e := albumEntry{Origin: origin, Kind: shown.Kind, Name: shown.Name, Lang: shown.Lang, Dir: shown.Dir, Title: shown.Title, Status: shown.Status}
		base := path.Join(site, shown.Lang, shown.Name)
		text := base + ".txt"
		if shown.Kind == ui.ShownText {
			e.File = text
		} else {
			e.File = base + ".html"
			if err := a.write(e.File, g.Standalone(shown, "../assets")); err != nil {
				return err
			}
		}
		if shown.Kind != ui.ShownPage {
			if err := a.write(text, []byte(shown.Text)); err != nil {
				return err
			}
		}
		if shown.Kind == ui.ShownMail {
			e.Text = text
		}
		if shown.Kind == ui.ShownPage {
			e.Headers = map[string]string{}
			for name := range shown.Header {
				if name != "Set-Cookie" && name != "Content-Length" {
					e.Headers[name] = strings.Join(shown.Header.Values(name), ", ")
				}
			}
		}
		a.list.Shown = append(a.list.Shown, e)
		a.kinds[shown.Kind]++
		a.languages[shown.Lang] = true
	}
	assets := albumAssets{Origin: origin}
	for name, data := range g.Assets() {
		file := path.Join(site, "assets", name)
		if err := a.write(file, data); err != nil {
			return err
		}
		assets.Files = append(assets.Files, file)
	}
	slices.Sort(assets.Files)
	a.list.Sites = append(a.list.Sites, assets)
	return nil
}

// finish writes the index and the list.
func (a *album) finish() error {
	index, err := albumIndexPage(a.list)
	if err != nil {
		return fmt.Errorf("writing the index: %w", err)
	}
	if err := a.write(albumIndex, index); err != nil {
		return err
	}
	return a.writeList()
}

func (a *album) writeList() error {
	a.list.Note = "Written by caddy stepgate pages, which clears what is listed here when it writes again."
	data, err := json.MarshalIndent(a.list, "", "\t")
	if err != nil {
		return fmt.Errorf("listing the pages: %w", err)
	}
	return a.write(albumList, append(data, '\n'))
}

func (a *album) write(file string, data []byte) error {
	if dir := path.Dir(file); !a.made[dir] {
		if err := a.root.MkdirAll(filepath.FromSlash(dir), 0o755); err != nil {
			return fmt.Errorf("writing the pages: %w", err)
		}
		a.made[dir] = true
	}
	if err := a.root.WriteFile(filepath.FromSlash(file), data, 0o644); err != nil {
		return fmt.Errorf("writing the pages: %w", err)
	}
	return nil
}

// siteDir is the directory of a site: its host, with its port if it has one.
func siteDir(origin string) string {
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" {
		return "site"
	}
	return strings.NewReplacer(":", "-", "[", "", "]", "").Replace(u.Host)
}
