package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/store/badger"
)

func init() {
	caddy.RegisterModule(BadgerStore{})
	caddy.RegisterModule(MemoryStore{})
}

// BadgerStore keeps everything in a directory of this machine, with the embedded
// database Badger. One process at a time may use a directory. What was acknowledged
// survives a crash of the process and of the machine.
type BadgerStore struct {
	// The directory; it is made if it is not there. Placeholders {env.*} and
	// {file.*} are allowed. Default: "stepgate" in Caddy's data directory.
	Path string `json:"path,omitempty"`

	// Do not wait for the disk at each write. Faster by far, but a power cut may
	// lose the last moments; a crash of Caddy alone loses nothing. Default: false.
	NoSync bool `json:"no_sync,omitempty"`

	// Refuse writes while the disk has fewer bytes free than this: a full disk
	// would end the process. 8 MiB to 1 TiB. Default: 256 MiB.
	MinFree int64 `json:"min_free,omitempty"`

	place string
}

// The low-water marks that make sense: below a few megabytes the store's own files
// no longer fit, and nobody keeps a terabyte free on purpose.
const (
	leastMinFree    = 8 << 20
	greatestMinFree = 1 << 40
)

// CaddyModule returns the Caddy module information.
func (BadgerStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "stepgate.stores.badger", New: func() caddy.Module { return new(BadgerStore) }}
}

// Provision finds the directory without making it.
func (s *BadgerStore) Provision(caddy.Context) error {
	path := s.Path
	if path == "" {
		path = filepath.Join(caddy.AppDataDir(), "stepgate")
	}
	path, err := resolve("store path", path)
	if err != nil {
		return err
	}
	s.place, err = realPath(path)
	if err != nil {
		return fmt.Errorf("finding the store's directory: %w", err)
	}
	return nil
}

// Validate checks the directory's place and the numbers.
func (s *BadgerStore) Validate() error {
	if err := checkMinFree(s.MinFree); err != nil {
		return err
	}
	if info, err := os.Stat(s.place); err == nil && !info.IsDir() {
		return fmt.Errorf("store path %s is not a directory", s.place)
	}
	return nil
}

// checkMinFree is the bound of a low-water mark; zero means the default.
func checkMinFree(n int64) error {
	if n != 0 && (n < leastMinFree || n > greatestMinFree) {
		return fmt.Errorf("min_free must be between 8MiB and 1TiB, not %d bytes", n)
	}
	return nil
}

// Place implements [StoreModule].
func (s *BadgerStore) Place() (string, error) { return s.place, nil }

// Options implements [StoreModule].
func (s *BadgerStore) Options() string {
	return fmt.Sprintf("no_sync=%t min_free=%d", s.NoSync, s.MinFree)
}

// Open implements [StoreModule].
func (s *BadgerStore) Open(_ context.Context, log *slog.Logger) (store.Store, error) {
	return badger.Open(badger.Options{
		Dir:     s.place,
		NoSync:  s.NoSync,
		MinFree: uint64(s.MinFree),
		Logger:  log,
	})
}

// realPath is the absolute path with the symbolic links of its existing part
// resolved, so that two spellings of one directory are one place.
func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		return real, nil
	}
	parent := filepath.Dir(path)
	if !errors.Is(err, fs.ErrNotExist) || parent == path {
		return "", err
	}
	parent, err = realPath(parent)
	if err != nil {
		return "", err
	}
	return filepath.Join(parent, filepath.Base(path)), nil
}

// MemoryStore keeps everything in memory, for trials and tests: it survives a
// reload of the configuration and nothing else.
type MemoryStore struct {
	// Configurations that name the same memory share it. Default: "default".
	Name string `json:"name,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (MemoryStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "stepgate.stores.memory", New: func() caddy.Module { return new(MemoryStore) }}
}

// Place implements [StoreModule].
func (s *MemoryStore) Place() (string, error) {
	if s.Name == "" {
		return "memory default", nil
	}
	return "memory " + s.Name, nil
}

// Options implements [StoreModule].
func (s *MemoryStore) Options() string { return "" }

// Open implements [StoreModule].
func (s *MemoryStore) Open(context.Context, *slog.Logger) (store.Store, error) {
	return store.NewMemory(), nil
}

// Interface guards
var (
	_ StoreModule       = (*BadgerStore)(nil)
	_ caddy.Provisioner = (*BadgerStore)(nil)
	_ caddy.Validator   = (*BadgerStore)(nil)
	_ StoreModule       = (*MemoryStore)(nil)
)
