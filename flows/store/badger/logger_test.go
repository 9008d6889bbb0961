package badger

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	lsm "github.com/dgraph-io/badger/v4"

	"github.com/stepgate/stepgate/flows/store"
)

func TestTheLogHoldsNoKeysAndNoValues(t *testing.T) {
	t.Parallel()
	const secret = "email/alice@example.com"
	var out bytes.Buffer
	log := logger{slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	type compaction struct{ left, right []byte }
	for _, say := range []func(string, ...any){log.Errorf, log.Warningf, log.Infof, log.Debugf} {
		say("compacting %s %d tables in %v: %+v, %x, %v: %v\n", secret, 7, 3*time.Second,
			compaction{[]byte(secret), nil}, []byte(secret), &secretive{secret},
			fmt.Errorf("DB::Get key: %q err: %v", secret, "broken disk"))
	}
	text := out.String()
	for _, part := range []string{secret, "alice", fmt.Sprintf("%x", secret), fmt.Sprint([]byte(secret))} {
		if strings.Contains(text, part) {
			t.Errorf("%q is in the log: %s", part, text)
		}
	}
	for _, part := range []string{"level=ERROR", "level=WARN", "level=DEBUG", "compacting", "7", "3s", "broken disk"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in the log: %s", part, text)
		}
	}
	if strings.Contains(text, "level=INFO") {
		t.Errorf("Badger's chatter is louder than debug: %s", text)
	}
}

type secretive struct{ Text string }

func (s *secretive) String() string { return s.Text }

func TestErrorsOfBadgerBecomeErrorsOfTheStore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to error }{
		{lsm.ErrKeyNotFound, store.ErrNotFound},
		{lsm.ErrDBClosed, store.ErrClosed},
		{lsm.ErrBlockedWrites, store.ErrClosed},
		{lsm.ErrTxnTooBig, store.ErrInvalid},
		{fmt.Errorf("while writing err: %v", syscall.ENOSPC), store.ErrFull},
		{syscall.EIO, store.ErrUnavailable},
		{errors.New("anything else"), store.ErrUnavailable},
	} {
		if got := translate("testing", c.from); !errors.Is(got, c.to) {
			t.Errorf("%v becomes %v, want %v", c.from, got, c.to)
		}
	}
	if err := translate("testing", nil); err != nil {
		t.Errorf("nothing becomes %v", err)
	}
	err := translate("reading", fmt.Errorf("DB::Get key: %q err: %v", "email/alice@example.com", syscall.EIO))
	if strings.Contains(err.Error(), "alice") || !strings.Contains(err.Error(), syscall.EIO.Error()) {
		t.Errorf("got %v", err)
	}
}
