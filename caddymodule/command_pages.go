package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stepgate/stepgate/ui"
	"github.com/stepgate/stepgate/ui/lang"
)

func pagesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pages [flags] --out DIRECTORY",
		Short: "Writes every page and message as files to look at",
		Long: `
Writes every page in every state, every mail and every text message, in every language,
as files that open from disk, with an index.html that lists them. The people on them are
made up; links lead from page to page where they can, and forms do nothing.

With --config the pages look as that configuration's sites make them look. It is loaded
with all the checks that the server makes; nothing is started, opened or sent. Without it
they have Stepgate's own look.

The directory is made if it is not there. One that holds anything else is left alone; one
that this command has written is written anew.`,
		Example: `  caddy stepgate pages --out /tmp/pages
  caddy stepgate pages --out /tmp/pages --config /etc/caddy/Caddyfile --site https://app.example.com
  caddy stepgate pages --out /tmp/pages --language en --language ar --pseudo`,
		Args: misused(func(cmd *cobra.Command, args []string) error {
			switch {
			case cobra.NoArgs(cmd, args) != nil:
				return cobra.NoArgs(cmd, args)
			case flagText(cmd, "out") == "":
				return errors.New("where to? Say --out with a directory that is empty or not there yet")
			case flagText(cmd, "site") != "" && flagText(cmd, "config") == "":
				return errors.New("--site chooses among the sites of a configuration: say which with --config")
			}
			return nil
		}),
		RunE: runs(func(cmd *cobra.Command, _ []string) (int, error) { return runPages(cmd, cmd.OutOrStdout()) }),
	}
	cmd.Flags().StringP("out", "o", "", "Directory to write to")
	cmd.Flags().StringP("config", "c", "", "Configuration whose brands to show (default: Stepgate's own look)")
	cmd.Flags().StringP("adapter", "a", "", "Config adapter of --config")
	cmd.Flags().String("site", "", "Only the site with this origin (default: all sites)")
	cmd.Flags().StringArrayP("language", "l", nil, "Only this language, such as fr; may be repeated (default: all)")
	cmd.Flags().Bool("pseudo", false, "Also two languages that nobody speaks: one with long words, one from right to left")
	return cmd
}

func runPages(cmd *cobra.Command, out io.Writer) (int, error) {
	tags, _ := cmd.Flags().GetStringArray("language")
	galleries, err := galleriesOf(cmd, tags, flagSet(cmd, "pseudo"))
	if err != nil {
		return exitUsage, err
	}
	a, err := openAlbum(flagText(cmd, "out"))
	if err != nil {
		return exitFailed, err
	}
	defer a.close()
	for _, origin := range slices.Sorted(maps.Keys(galleries)) {
		if err := a.add(origin, galleries[origin]); err != nil {
			return exitFailed, err
		}
	}
	if err := a.finish(); err != nil {
		return exitFailed, err
	}
	fmt.Fprintf(out, "%s, %s and %s, of %s in %s: open %s\n",
		howMany(a.kinds[ui.ShownPage], "page"), howMany(a.kinds[ui.ShownMail], "mail"), howMany(a.kinds[ui.ShownText], "text message"),
		howMany(len(galleries), "site"), howMany(len(a.languages), "language"), filepath.Join(flagText(cmd, "out"), albumIndex))
	return exitOK, nil
}

func howMany(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// galleriesOf are the galleries to write, by origin.
func galleriesOf(cmd *cobra.Command, tags []string, pseudo bool) (map[string]*ui.Gallery, error) {
	more := func(g *ui.Gallery, err error) (*ui.Gallery, error) {
		if err != nil || !pseudo {
			return g, err
		}
		return g, g.Add(lang.Accented, lang.Mirrored)
	}
	galleries := map[string]*ui.Gallery{}
	if flagText(cmd, "config") == "" {
		g, err := more(ui.NewGallery(ui.GalleryConfig{Languages: tags}))
		if err != nil {
			return nil, err
		}
		galleries[g.Origin()] = g
		return galleries, nil
	}
	http, err := provisioned(cmd)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, name := range slices.Sorted(maps.Keys(http.Servers)) {
		for _, h := range gatewaysIn(http.Servers[name]) {
			for _, s := range h.sites {
				known = append(known, s.flows.Origin)
				if only := flagText(cmd, "site"); only != "" && strings.TrimSuffix(only, "/") != s.flows.Origin || galleries[s.flows.Origin] != nil {
					continue
				}
				if galleries[s.flows.Origin], err = more(s.pages.Gallery(tags...)); err != nil {
					return nil, fmt.Errorf("site %s: %w", s.flows.Origin, err)
				}
			}
		}
	}
	switch {
	case len(known) == 0:
		return nil, fmt.Errorf("no site of %s has stepgate: add `stepgate` to one, or leave out --config", flagText(cmd, "config"))
	case len(galleries) == 0:
		slices.Sort(known)
		return nil, fmt.Errorf("no site %s: --site takes one of %s", flagText(cmd, "site"), strings.Join(slices.Compact(known), ", "))
	}
	return galleries, nil
}
