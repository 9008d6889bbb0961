package caddymodule

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/certmagic"

	"github.com/stepgate/stepgate/flows/seal"
)

func TestInstancesThatStartTogetherShareOneNewSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secrets := make([]string, 8)
	var all sync.WaitGroup
	for i := range secrets {
		all.Go(func() {
			secret, err := masterSecret(t.Context(), nil, &certmagic.FileStorage{Path: dir})
			if err != nil {
				t.Error(err)
			}
			secrets[i] = string(secret)
		})
	}
	all.Wait()
	for _, secret := range secrets {
		if secret != secrets[0] || len(secret) < seal.SecretSize {
			t.Fatal("the instances have different secrets")
		}
	}
	again, err := masterSecret(t.Context(), nil, &certmagic.FileStorage{Path: dir})
	if err != nil || string(again) != secrets[0] {
		t.Errorf("after a restart the secret is another one: %v", err)
	}
}

func TestAConfiguredSecretNeedsNoStorage(t *testing.T) {
	t.Parallel()
	secret, err := masterSecret(t.Context(), []byte("configured"), nil)
	if err != nil || string(secret) != "configured" {
		t.Errorf("got %q, %v", secret, err)
	}
}

// brokenStorage fails where it is told to.
type brokenStorage struct {
	certmagic.Storage
	load, store error
	unlocked    int
}

func (s *brokenStorage) Load(ctx context.Context, key string) ([]byte, error) {
	if s.load != nil {
		return nil, s.load
	}
	return s.Storage.Load(ctx, key)
}

func (s *brokenStorage) Store(ctx context.Context, key string, value []byte) error {
	if s.store != nil {
		return s.store
	}
	return s.Storage.Store(ctx, key, value)
}

func (s *brokenStorage) Unlock(ctx context.Context, name string) error {
	s.unlocked++
	return s.Storage.Unlock(ctx, name)
}

func TestASecretThatCannotBeReadIsNotReplaced(t *testing.T) {
	t.Parallel()
	files := &certmagic.FileStorage{Path: t.TempDir()}
	first, err := masterSecret(t.Context(), nil, files)
	if err != nil {
		t.Fatal(err)
	}
	down := errors.New("the storage is down")
	if _, err := masterSecret(t.Context(), nil, &brokenStorage{Storage: files, load: down}); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
	if err := files.Store(t.Context(), secretKey, []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	if _, err := masterSecret(t.Context(), nil, files); err == nil || strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged secret: %v", err)
	}
	if text, err := files.Load(t.Context(), secretKey); err != nil || string(text) != "damaged" {
		t.Errorf("it was replaced by %q, %v", text, err)
	}
	if len(first) < seal.SecretSize {
		t.Error("the first secret was short")
	}
}

func TestASecretThatCouldNotBeKeptIsNotUsed(t *testing.T) {
	t.Parallel()
	full := errors.New("the disk is full")
	storage := &brokenStorage{Storage: &certmagic.FileStorage{Path: t.TempDir()}, store: full}
	if secret, err := masterSecret(t.Context(), nil, storage); !errors.Is(err, full) {
		t.Errorf("got %q, %v", secret, err)
	}
	if storage.unlocked != 1 {
		t.Error("the lock was kept")
	}
}
