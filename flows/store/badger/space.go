package badger

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/stepgate/stepgate/flows/store"
)

// space watches the free space. Badger writes through memory maps of sparse
// files: when the disk is full, such a write is a fault that kills the whole
// process, and so does the next start. Hence the mark far above zero.
type space struct {
	dir  string
	min  uint64
	free func(dir string) (uint64, error)
	log  *slog.Logger
	low  atomic.Bool
}

// check looks at the disk, and speaks only when something changed.
func (s *space) check() {
	err := s.enough()
	if low := err != nil; s.low.Swap(low) != low {
		if low {
			s.log.Error("store is read-only until there is more free disk space", "error", err)
		} else {
			s.log.Info("store takes writes again", "dir", s.dir)
		}
	}
}

// enough returns nil, or an error that names directory, figures and remedy.
func (s *space) enough() error {
	free, err := s.free(s.dir)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil // nothing to go by on this system; Open has said so
	case err != nil:
		return fmt.Errorf("%w: asking for the free space of %s: %w", store.ErrFull, s.dir, err)
	case free < s.min:
		return fmt.Errorf("%w: %s has %d bytes free (%d MiB) and needs %d (%d MiB): "+
			"free some space on its file system or move the store to a larger one",
			store.ErrFull, s.dir, free, free>>20, s.min, s.min>>20)
	}
	return nil
}
