package badger

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	lsm "github.com/dgraph-io/badger/v4"

	"github.com/stepgate/stepgate/flows/store"
)

// translate turns an error of Badger's into one of the store's. What is not
// known is a disk that fails, hence ErrUnavailable, never a missing record.
func translate(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lsm.ErrKeyNotFound):
		return store.ErrNotFound
	case errors.Is(err, lsm.ErrDBClosed), errors.Is(err, lsm.ErrBlockedWrites):
		return store.ErrClosed
	case errors.Is(err, lsm.ErrTxnTooBig):
		return fmt.Errorf("%w: transaction too big", store.ErrInvalid)
	case strings.Contains(err.Error(), syscall.ENOSPC.Error()):
		return store.ErrFull
	default:
		return fmt.Errorf("%w: %s: %s", store.ErrUnavailable, doing, cause(err))
	}
}

// cause is the innermost text of one of Badger's errors. The outer texts may
// name the key, and Badger flattens the chain into text while wrapping.
func cause(err error) string {
	text := err.Error()
	if at := strings.LastIndex(text, " err: "); at >= 0 {
		text = text[at+len(" err: "):]
	}
	return text
}
