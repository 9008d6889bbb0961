package badger

import (
	"bufio"
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows/store"
)

// A process adds records as fast as it can and is killed once it has acknowledged
// so many. The rounds share a directory, so that later ones start from what a
// kill left behind.
func TestWhatWasAcknowledgedSurvivesKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var acknowledged []string
	for _, after := range []int{1, 0, 60, 300, 7} {
		acknowledged = append(acknowledged, writeUntilKilled(t, dir, after)...)

		s := mustOpen(t, Options{Dir: dir})
		total, err := count(s)
		if err != nil {
			t.Error(err)
		}
		err = s.View(context.Background(), func(tx store.Tx) error {
			for _, key := range acknowledged {
				if value, err := tx.Get("k/" + key); err != nil || string(value) != valueOf(key) {
					t.Errorf("%s was acknowledged and is lost: %v", key, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		// Of each process only its four writers can have had one more under way.
		if most := len(acknowledged) + 5*4; total > most {
			t.Errorf("%d records, at most %d were written", total, most)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(acknowledged) < 60+300 {
		t.Errorf("only %d records were acknowledged", len(acknowledged))
	}
}

// writeUntilKilled returns the keys that the process had printed in full.
func writeUntilKilled(t *testing.T, dir string, after int) (keys []string) {
	t.Helper()
	cmd := child(t, "write", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
	}
	if after == 0 {
		kill()
	}
	for in := bufio.NewReader(out); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			break // also a line that the kill cut short
		}
		key := strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(key, "error") {
			t.Fatal(key)
		}
		if keys = append(keys, key); len(keys) == after {
			kill()
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the process ended by itself: %v %s", err, &trouble)
	}
	return keys
}

// The lock that a killed process held is free at once, and one that lives keeps
// other processes out.
func TestAnotherProcessIsKeptOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	set(t, s, "mine")
	out, err := child(t, "read", dir).Output()
	if err != nil || !strings.Contains(string(out), "another process has this store open") {
		t.Errorf("while open: %s %v", out, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	out, err = child(t, "read", dir).Output()
	if err != nil || string(out) != "records: 1\n" {
		t.Errorf("when closed: %s %v", out, err)
	}
}
