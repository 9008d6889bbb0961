package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	lsm "github.com/dgraph-io/badger/v4"
)

const (
	// schemaKey holds the version of what is stored. No transaction reaches it,
	// since the keys of records have a prefix.
	schemaKey = "schema"
	// schemaVersion rises when an older Stepgate could no longer read the
	// store rightly.
	schemaVersion = 1
	// markerName is a file made when a new store is complete. From then on an
	// empty database means that files were lost.
	markerName = "STEPGATE"
	markerText = "This directory is a Stepgate store. Do not edit, add or remove single files.\n"
)

// admit checks that the open database is a Stepgate store of a version that this
// code understands, and makes it one if it is new.
func admit(db *lsm.DB, o Options) error {
	version, empty, err := readSchema(db)
	if err != nil {
		return err
	}
	marker := filepath.Join(o.Dir, markerName)
	_, err = os.Stat(marker)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	marked := err == nil

	switch {
	case version == "" && !empty:
		return errors.New("the directory holds a Badger database that is not Stepgate's: give the store a directory of its own")
	case version == "" && marked:
		return errors.New("the store has lost its records: " + remedy)
	case version == "":
		o.Logger.Info("making a new, empty store", "dir", o.Dir)
		if err := writeSchema(db); err != nil {
			return fmt.Errorf("writing the schema version: %s", cause(err))
		}
	default:
		n, err := strconv.Atoi(version)
		if err != nil || n < 1 {
			return errors.New("the store's schema version is unreadable: " + remedy)
		}
		if n > schemaVersion {
			return fmt.Errorf("the store has schema version %d, and this Stepgate knows up to %d: "+
				"use a newer Stepgate, or restore a backup of the older store", n, schemaVersion)
		}
	}
	if marked {
		return nil
	}
	return writeMarker(o.Dir, marker)
}

// readSchema returns the version, empty if there is none, and whether there is
// nothing at all in the database.
func readSchema(db *lsm.DB) (version string, empty bool, err error) {
	err = db.View(func(txn *lsm.Txn) error {
		item, err := txn.Get([]byte(schemaKey))
		if err == nil {
			return item.Value(func(value []byte) error { version = string(value); return nil })
		}
		if !errors.Is(err, lsm.ErrKeyNotFound) {
			return err
		}
		opts := lsm.DefaultIteratorOptions
		opts.PrefetchValues = false
		it := txn.NewIterator(opts)
		defer it.Close()
		it.Rewind()
		empty = !it.Valid()
		return nil
	})
	if err != nil {
		return "", false, fmt.Errorf("reading the schema version: %s", cause(err))
	}
	return version, empty, nil
}

// writeSchema syncs by itself, since the marker must not come before it.
func writeSchema(db *lsm.DB) error {
	err := db.Update(func(txn *lsm.Txn) error {
		return txn.Set([]byte(schemaKey), []byte(strconv.Itoa(schemaVersion)))
	})
	if err != nil {
		return err
	}
	return db.Sync()
}

// writeMarker syncs file and name. A crash in between leaves no marker or an
// empty one, and either will do.
func writeMarker(dir, path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if _, err := file.WriteString(markerText); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // which cannot sync a directory
	}
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
