package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	lsm "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
)

// remedy ends each message about files that cannot be trusted.
const remedy = "restore a backup, or empty the directory to start without accounts"

// errDamaged may also mean that another handle is changing the files right now,
// since they are looked at before the directory is locked.
var errDamaged = errors.New("files are damaged")

// verify looks at the files before Badger does. Badger starts anew when the
// manifest is missing, deletes tables that a torn manifest no longer lists, and
// takes the process down when a table is rotten.
func verify(o Options) error {
	names, err := fileNames(o.Dir)
	if err != nil {
		return err
	}
	// The order of the two looks matters: Badger makes the manifest before any
	// other file.
	manifest, torn, err := readManifest(o)
	if errors.Is(err, fs.ErrNotExist) {
		if len(names) == 0 {
			return nil
		}
		return fmt.Errorf("%w: %s is missing although there is data (%s): %s",
			errDamaged, lsm.ManifestFilename, names[0], remedy)
	}
	if err != nil {
		return fmt.Errorf("%w: reading %s: %w: %s", errDamaged, lsm.ManifestFilename, err, remedy)
	}
	for _, name := range names {
		id, isTable := table.ParseFileID(name)
		if !isTable {
			continue
		}
		entry, listed := manifest.Tables[id]
		if !listed && torn {
			return fmt.Errorf("%w: %s is cut short and does not list %s: %s",
				errDamaged, lsm.ManifestFilename, name, remedy)
		}
		if listed {
			if err := verifyTable(filepath.Join(o.Dir, name), id, entry.Compression); err != nil {
				return fmt.Errorf("%w: %s: %w: %s", errDamaged, name, err, remedy)
			}
		}
	}
	return nil
}

// fileNames returns the names of the files that hold data, sorted.
func fileNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if slices.Contains([]string{".sst", ".vlog", ".mem"}, filepath.Ext(entry.Name())) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// readManifest also reports whether the file ends in the middle of an entry.
func readManifest(o Options) (manifest lsm.Manifest, torn bool, err error) {
	file, err := os.Open(filepath.Join(o.Dir, lsm.ManifestFilename))
	if err != nil {
		return manifest, false, err
	}
	defer file.Close()
	quiet := lsm.DefaultOptions(o.Dir).WithLogger(nil)
	manifest, end, err := lsm.ReplayManifestFile(file, 0, quiet)
	if err != nil {
		return manifest, false, err
	}
	info, err := file.Stat()
	if err != nil {
		return manifest, false, err
	}
	return manifest, end < info.Size(), nil
}

// verifyTable checks every block of a table. Badger's reader panics on some
// kinds of damage, with texts that quote the file.
func verifyTable(path string, id uint64, packed options.CompressionType) (err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	defer func() {
		if recover() != nil {
			err = errors.New("unreadable")
		}
	}()
	t, err := table.OpenInMemoryTable(data, id, &table.Options{
		ChkMode: options.OnTableRead, Compression: packed,
	})
	if err != nil {
		return errors.New("no valid index")
	}
	if err := t.VerifyChecksum(); err != nil {
		return errors.New("wrong checksum")
	}
	return nil
}
