package caddymodule

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/stepgate/stepgate/flows/seal"
)

// secretKey is where the default master secret lies in Caddy's storage.
const secretKey = "stepgate/secret"

// secretWait bounds the storage's answer: a shared storage may be far away.
const secretWait = 30 * time.Second

// masterSecret is the configured secret or the one in Caddy's storage, which is
// made at first need. Instances that share a storage share the secret: the
// storage's lock lets one of them make it.
func masterSecret(ctx context.Context, configured []byte, storage certmagic.Storage) ([]byte, error) {
	if configured != nil {
		return configured, nil
	}
	ctx, cancel := context.WithTimeout(ctx, secretWait)
	defer cancel()
	text, err := storage.Load(ctx, secretKey)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = makeSecret(ctx, storage)
	}
	if err != nil {
		return nil, fmt.Errorf("loading the secret from Caddy's storage: %w", err)
	}
	return seal.ParseSecret(string(text))
}

func makeSecret(ctx context.Context, storage certmagic.Storage) (text []byte, err error) {
	if err := storage.Lock(ctx, secretKey); err != nil {
		return nil, err
	}
	defer func() {
		// The context may be over, and the lock must not outlive it.
		unlocking, cancel := context.WithTimeout(context.WithoutCancel(ctx), secretWait)
		defer cancel()
		err = errors.Join(err, storage.Unlock(unlocking, secretKey))
	}()
	text, err = storage.Load(ctx, secretKey)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	secret, err := seal.NewSecret(rand.Reader)
	if err != nil {
		return nil, err
	}
	return []byte(secret), storage.Store(ctx, secretKey, []byte(secret))
}
