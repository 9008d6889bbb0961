package flows_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/flows/store/badger"
)

const crashDir = "STEPGATE_TEST_CRASH_DIR"

// acknowledged is what the child was told had been done.
type acknowledged struct {
	Email, Password, Cookie string
	SignedOut               string // a cookie whose session was ended
}

func onDisk(t testing.TB, dir string) store.Store {
	t.Helper()
	s, err := badger.Open(badger.Options{Dir: dir, MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCrashChild is the process that is killed. It signs people up, side by side, and
// prints what was acknowledged, once it was.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		return // an ordinary run: this is a helper of the test below
	}
	st := onDisk(t, dir)
	out := json.NewEncoder(os.Stdout)
	var mu sync.Mutex
	for g := range 8 {
		go func() {
			w := newWorld(t, func(c *flows.Config) { c.Store = st })
			for i := 0; ; i++ {
				a := acknowledged{Email: fmt.Sprintf("p%d.%d.%d@example.com", os.Getpid(), g, i), Password: longSecret}
				b := w.browser().signUpWithPassword(a.Email, a.Password)
				a.Cookie = b.cookie
				if i%2 == 0 {
					other := w.browser().signInWithPassword(a.Email, a.Password)
					live := other.session()
					if err := w.engine.SignOut(t.Context(), &live.Session); err != nil {
						panic(err)
					}
					a.SignedOut = other.cookie
				}
				mu.Lock()
				_ = out.Encode(a)
				mu.Unlock()
			}
		}()
	}
	select {} // until killed
}

func TestWhatWasAcknowledgedSurvivesKillNine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var all []acknowledged
	for range 3 {
		all = append(all, killedRun(t, dir)...)
	}
	if len(all) == 0 {
		t.Fatal("nothing was acknowledged before the kills")
	}
	st := onDisk(t, dir)
	defer st.Close()
	w := newWorld(t, func(c *flows.Config) { c.Store = st })
	for i, a := range all {
		b := w.browser()
		if b.cookie = a.Cookie; b.session() == nil {
			t.Fatalf("of %d, the session of %s is lost", len(all), a.Email)
		}
		if b.cookie = a.SignedOut; b.session() != nil {
			t.Fatalf("a sign-out of %s is lost", a.Email)
		}
		if i%10 == 0 { // hashing is slow
			b.cookie = ""
			b.signInWithPassword(a.Email, a.Password).at(flows.Done)
		}
	}
	t.Logf("%d acknowledged sign-ups survived", len(all))
}

// killedRun runs the child, kills it after some acknowledgements at a moment of
// chance, and returns them.
func killedRun(t *testing.T, dir string) (acks []acknowledged) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	enough := 10 + rand.IntN(30)
	timeout := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timeout.Stop()
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		var a acknowledged
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			break // the line that the kill cut off
		}
		acks = append(acks, a)
		if len(acks) == enough {
			_ = cmd.Process.Kill() // SIGKILL; what was printed meanwhile still counts
		}
	}
	_ = cmd.Wait()
	return acks
}
