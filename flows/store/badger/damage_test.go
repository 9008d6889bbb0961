package badger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A store is damaged in one way and opened. It must come up with all records or
// say why not; one that was killed may lack those after the damage in its log.
func TestADamagedStoreIsRefusedOrWholeNeverSilentlyEmpty(t *testing.T) {
	t.Parallel()
	const total = 40
	all := fmt.Sprint("records: ", total)
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	for i := range total {
		set(t, s, fmt.Sprintf("%04d", i))
	}
	killed := remember(t, dir) // what is on the disk after kill -9
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	closed := remember(t, dir)

	for _, c := range []struct {
		name   string
		from   image
		file   string
		damage func(path string) error
		wants  string
	}{
		{"nothing", closed, "MANIFEST", nothing, all},
		{"nothing", killed, "MANIFEST", nothing, all},
		{"manifest lost", closed, "MANIFEST", os.Remove, "MANIFEST is missing"},
		{"manifest lost", killed, "MANIFEST", os.Remove, "MANIFEST is missing"},
		{"manifest empty", closed, "MANIFEST", cut(0), "reading MANIFEST"},
		{"manifest empty", killed, "MANIFEST", cut(0), "reading MANIFEST"},
		{"manifest cut", closed, "MANIFEST", cut(-1), "MANIFEST is cut short"},
		{"manifest cut at an entry", closed, "MANIFEST", cut(17), "MANIFEST is cut short"},
		{"manifest rotten", closed, "MANIFEST", flip(-1), "checksum mismatch"},
		{"manifest rotten", closed, "MANIFEST", flip(8), "reading MANIFEST"},
		{"table lost", closed, "000001.sst", os.Remove, "does not exist"},
		{"table empty", closed, "000001.sst", cut(0), "000001.sst"},
		{"table cut", closed, "000001.sst", cut(-1), "000001.sst"},
		{"table cut", closed, "000001.sst", cut(4096), "000001.sst"},
		{"table rotten", closed, "000001.sst", flip(0), "wrong checksum"},
		{"table rotten", closed, "000001.sst", flip(1000), "wrong checksum"},
		{"table rotten", closed, "000001.sst", flip(-1), "000001.sst"},
		{"value log lost", closed, "000001.vlog", os.Remove, all},
		{"value log empty", closed, "000001.vlog", cut(0), all},
		{"log made but not sized", closed, "00007.mem", touch, all},
		{"log lost", killed, "00001.mem", os.Remove, "lost its records"},
		{"log empty", killed, "00001.mem", cut(0), "lost its records"},
		{"log rotten at its start", killed, "00001.mem", flip(30), "lost its records"},
		{"log rotten", killed, "00001.mem", flip(3000), "prefix"},
		{"log cut", killed, "00001.mem", cut(3000), "prefix"},
		{"marker lost", closed, markerName, os.Remove, all},
		{"marker lost", killed, markerName, os.Remove, all},
		{"key registry rotten", closed, "KEYREGISTRY", cut(5), "files are damaged"},
	} {
		dir := filepath.Join(t.TempDir(), "store")
		c.from.restore(t, dir)
		if err := c.damage(filepath.Join(dir, c.file)); err != nil {
			t.Fatal(err)
		}
		got := outcome(dir)
		if c.wants == "prefix" {
			var n int
			if _, err := fmt.Sscanf(got, "records: %d", &n); err != nil || n == 0 || n >= total {
				t.Errorf("%s: %s", c.name, got)
			}
			continue
		}
		if !strings.Contains(got, c.wants) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.wants)
		}
		// A refusal is not a one-off: it must not have destroyed the evidence.
		if again := outcome(dir); again != got {
			t.Errorf("%s: first %q, then %q", c.name, got, again)
		}
	}
}

// outcome is "records: n" with each value checked, or the error.
func outcome(dir string) string {
	s, err := Open(Options{Dir: dir, Logger: quiet, pace: hasty})
	for errors.Is(err, errLocked) {
		// A process that another test is just starting still shares our handles.
		s, err = Open(Options{Dir: dir, Logger: quiet, pace: hasty})
	}
	if err != nil {
		return err.Error()
	}
	defer s.Close()
	n, err := count(s)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint("records: ", n)
}

func nothing(string) error { return nil }

// cut shortens a file to a length, or by one if it is negative.
func cut(to int64) func(string) error {
	return func(path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if to < 0 {
			return os.Truncate(path, info.Size()+to)
		}
		return os.Truncate(path, to)
	}
}

// flip changes one byte, counted from the end if at is negative.
func flip(at int64) func(string) error {
	return func(path string) error {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer file.Close()
		whence := io.SeekStart
		if at < 0 {
			whence = io.SeekEnd
		}
		place, err := file.Seek(at, whence)
		if err != nil {
			return err
		}
		var b [1]byte
		if _, err := file.ReadAt(b[:], place); err != nil {
			return err
		}
		b[0] ^= 0x55
		_, err = file.WriteAt(b[:], place)
		return err
	}
}

func touch(path string) error { return os.WriteFile(path, nil, 0o600) }

// image is the content of a directory: of each file the part before the zeros
// that fill it up, and its size.
type image map[string]struct {
	content []byte
	size    int64
}

func remember(t *testing.T, dir string) image {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := image{}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		file := files[entry.Name()]
		file.size = int64(len(content))
		file.content = bytes.TrimRight(content, "\x00")
		files[entry.Name()] = file
	}
	return files
}

func (i image) restore(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, file := range i {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, file.content, 0o600), os.Truncate(path, file.size)); err != nil {
			t.Fatal(err)
		}
	}
}
