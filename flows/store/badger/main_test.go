package badger

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stepgate/stepgate/flows/store"
)

// The test binary starts itself again as a process that can be killed. The
// variables say what it then is, and where its store lies.
const (
	roleVar = "STEPGATE_TEST_ROLE"
	dirVar  = "STEPGATE_TEST_DIR"
)

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVar); role {
	case "":
		os.Exit(m.Run())
	case "write":
		write(os.Getenv(dirVar))
	case "read":
		readAll(os.Getenv(dirVar))
	default:
		fmt.Fprintln(os.Stderr, "unknown role", role)
		os.Exit(2)
	}
}

func child(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleVar+"="+role, dirVar+"="+dir)
	return cmd
}

// write adds records until it is killed, and prints the key of each one that
// the store has acknowledged.
func write(dir string) {
	s, err := Open(Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var n atomic.Int64
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for {
				key := fmt.Sprintf("%d/%08d", os.Getpid(), n.Add(1))
				err := s.Update(context.Background(), func(tx store.Tx) error {
					return tx.Set("k/"+key, []byte(valueOf(key)), 0)
				})
				if err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				os.Stdout.WriteString(key + "\n")
			}
		})
	}
	writers.Wait()
}

func valueOf(key string) string { return strings.Repeat(key+" ", 20) }

// readAll prints how many records there are, or why the store does not open.
func readAll(dir string) {
	s, err := Open(Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	n, err := count(s)
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		fmt.Println("failed:", err)
		return
	}
	fmt.Println("records:", n)
}

// count checks each record's value on the way.
func count(s store.Store) (n int, err error) {
	err = s.View(context.Background(), func(tx store.Tx) error {
		return tx.Scan("k/", func(key string, value []byte) error {
			n++
			if string(value) != valueOf(key[2:]) {
				return fmt.Errorf("%s has the wrong value", key)
			}
			return nil
		})
	})
	return n, err
}
