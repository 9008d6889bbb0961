package password_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/stepgate/stepgate/flows/password"
)

// cheap is as little work as Argon2id can be.
var cheap = password.Params{Memory: 64, Time: 1, Threads: 1}

const good = "staple-tangerine-88-orbit"

func hash(t testing.TB, h *password.Hasher, pw string) string {
	t.Helper()
	stored, err := h.Hash(t.Context(), pw)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func verify(t testing.TB, h *password.Hasher, stored, pw string) (ok, rehash bool) {
	t.Helper()
	ok, rehash, err := h.Verify(t.Context(), stored, pw)
	if err != nil {
		t.Fatal(err)
	}
	return ok, rehash
}

func TestTheDefaultsAreTheDocumentedCost(t *testing.T) {
	t.Parallel()
	h := password.New(password.Options{})
	stored := hash(t, h, good)
	if !strings.HasPrefix(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hashed as %q", stored)
	}
	if ok, rehash := verify(t, h, stored, good); !ok || rehash {
		t.Errorf("the right password: %v, rehash %v", ok, rehash)
	}
}

func TestOnlyTheWholePasswordVerifies(t *testing.T) {
	t.Parallel()
	h := password.New(password.Options{Params: cheap, Pepper: []byte("pepper")})
	for _, pw := range []string{good, " " + good + " ", "pässwörter für alle", strings.Repeat("長", 256), "nul\x00inside nul"} {
		stored := hash(t, h, pw)
		if ok, rehash := verify(t, h, stored, pw); !ok || rehash {
			t.Errorf("%q: %v, rehash %v", pw, ok, rehash)
		}
		for _, wrong := range []string{"", pw[:len(pw)-1], pw + " ", strings.ToUpper(pw) + "x", strings.TrimSpace(pw) + "\x00", strings.Repeat(pw, 1000)} {
			if ok, rehash := verify(t, h, stored, wrong); ok || rehash {
				t.Errorf("%q: %.40q verifies: %v, rehash %v", pw, wrong, ok, rehash)
			}
		}
	}
}

func TestTheSameCharactersTypedDifferentlyAreOnePassword(t *testing.T) {
	t.Parallel()
	h := password.New(password.Options{Params: cheap})
	stored := hash(t, h, "caf\u00e9 ２０２６ ﬁle") // one code point; full width; ligature
	if ok, _ := verify(t, h, stored, "cafe\u0301 2026 file"); !ok {
		t.Error("the compatible spelling does not verify")
	}
}

func TestAHashHasASaltOfItsOwn(t *testing.T) {
	t.Parallel()
	h := password.New(password.Options{Params: cheap})
	if hash(t, h, good) == hash(t, h, good) {
		t.Error("the same hash twice")
	}
}

func TestAPasswordTooLongIsNotHashedNorVerified(t *testing.T) {
	t.Parallel()
	h := password.New(password.Options{Params: cheap})
	empty := hash(t, h, "")
	for _, pw := range []string{strings.Repeat("a", 257), strings.Repeat("長", 257), strings.Repeat("a", 1<<20), strings.Repeat("\ufdfa", 20)} {
		if stored, err := h.Hash(t.Context(), pw); !errors.Is(err, password.ErrLong) {
			t.Errorf("%d bytes: %q, %v", len(pw), stored, err)
		}
		if ok, _ := verify(t, h, empty, pw); ok {
			t.Errorf("%d bytes verify as the empty password", len(pw))
		}
	}
}

func TestAPepperIsNeededAndMayChange(t *testing.T) {
	t.Parallel()
	old := password.New(password.Options{Params: cheap, Pepper: []byte("old")})
	both := password.New(password.Options{Params: cheap, Pepper: []byte("new"), OldPeppers: [][]byte{[]byte("old")}})
	next := password.New(password.Options{Params: cheap, Pepper: []byte("new")})
	none := password.New(password.Options{Params: cheap})

	fromOld, fromBoth, fromNone := hash(t, old, good), hash(t, both, good), hash(t, none, good)
	if ok, rehash := verify(t, both, fromOld, good); !ok || !rehash {
		t.Errorf("old hash, both peppers: %v, rehash %v", ok, rehash)
	}
	if ok, rehash := verify(t, both, fromOld, good+"x"); ok || rehash {
		t.Errorf("wrong password, old hash: %v, rehash %v", ok, rehash)
	}
	if ok, rehash := verify(t, next, fromBoth, good); !ok || rehash {
		t.Errorf("new hash, new pepper: %v, rehash %v", ok, rehash)
	}
	if ok, rehash := verify(t, next, fromNone, good); !ok || !rehash {
		t.Errorf("hash from before there was a pepper: %v, rehash %v", ok, rehash)
	}
	for what, h := range map[string]*password.Hasher{"the new pepper": next, "no pepper": none} {
		if ok, _, err := h.Verify(t.Context(), fromOld, good); ok || err == nil {
			t.Errorf("old hash with %s only: %v, %v", what, ok, err)
		}
	}
	// Without its name the hash claims to have no pepper, and does not match.
	at := strings.Index(fromOld, ",keyid=")
	end := at + strings.Index(fromOld[at:], "$")
	if ok, _ := verify(t, both, fromOld[:at]+fromOld[end:], good); ok {
		t.Error("a peppered hash verifies without the pepper")
	}
}

func TestAHashOfOtherParametersVerifiesAndAsksForAnother(t *testing.T) {
	t.Parallel()
	for _, other := range []password.Params{{Memory: 128, Time: 1, Threads: 1}, {Memory: 64, Time: 2, Threads: 1}, {Memory: 64, Time: 1, Threads: 2}} {
		stored := hash(t, password.New(password.Options{Params: other}), good)
		h := password.New(password.Options{Params: cheap})
		if ok, rehash := verify(t, h, stored, good); !ok || !rehash {
			t.Errorf("%+v: %v, rehash %v", other, ok, rehash)
		}
	}
}

// The stored form is a promise to whoever moves accounts in or out.
func TestAHashIsArgon2idOverThePepperedPassword(t *testing.T) {
	t.Parallel()
	pepper, salt := []byte("pepper"), []byte("0123456789abcdef")
	h := password.New(password.Options{Params: cheap, Pepper: pepper})
	_, keyID, _ := strings.Cut(hash(t, h, good), "keyid=")
	keyID, _, _ = strings.Cut(keyID, "$")

	mac := hmac.New(sha256.New, pepper)
	mac.Write([]byte(good))
	tag := argon2.IDKey(mac.Sum(nil), salt, 1, 64, 1, 32)
	b64 := base64.RawStdEncoding.EncodeToString
	stored := "$argon2id$v=19$m=64,t=1,p=1,keyid=" + keyID + "$" + b64(salt) + "$" + b64(tag)
	if ok, rehash := verify(t, h, stored, good); !ok || rehash {
		t.Errorf("%v, rehash %v", ok, rehash)
	}
}

func TestMalformedAndAbsurdHashesAreErrors(t *testing.T) {
	t.Parallel()
	h := password.New(password.Options{Params: cheap})
	const salt, tag = "c29tZXNhbHRzb21lc2FsdA", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for _, stored := range []string{
		"",
		good,
		"$argon2id$",
		"$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + tag,
		"$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + tag,
		"$argon2id$m=64,t=1,p=1$" + salt + "$" + tag,
		"$argon2id$v=19$m=64,t=1$" + salt + "$" + tag,
		"$argon2id$v=19$t=1,m=64,p=1$" + salt + "$" + tag,
		"$argon2id$v=19$m=64,t=1,p=1,x=1$" + salt + "$" + tag,
		"$argon2id$v=19$m=64,t=1,p=1,keyid=$" + salt + "$" + tag,
		"$argon2id$v=19$m=64,t=1,p=1,keyid=AAAA$" + salt + "$" + tag, // a pepper nobody has
		"$argon2id$v=19$m=-64,t=1,p=1$" + salt + "$" + tag,
		"$argon2id$v=19$m=0x40,t=1,p=1$" + salt + "$" + tag,
		"$argon2id$v=19$m=64,t=1,p=1$" + salt,
		"$argon2id$v=19$m=64,t=1,p=1$$",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZQ$" + tag,            // salt too short
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$CTFhFdXPJO0", // tag too short
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + tag + "=",
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + tag + "$",
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + tag[:42] + "d", // left-over bits
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat("AAAA", 1<<16),
		"$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + tag,
		"$argon2id$v=19$m=1048576,t=1,p=1$" + salt + "$" + tag,
		"$argon2id$v=19$m=64,t=1000000,p=1$" + salt + "$" + tag,
		"$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + tag,
		"$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + tag,
		"$argon2id$v=19$m=64,t=1,p=255$" + salt + "$" + tag,
		"$argon2id$v=19$m=4096,t=1,p=255$" + salt + "$" + tag,
		"$argon2id$v=19$m=7,t=1,p=1$" + salt + "$" + tag,
		"$2b$12$saltsaltsaltsaltsaltsOabcdefghijklmnopqrstuvwxyz012345",
	} {
		ok, rehash, err := h.Verify(t.Context(), stored, good)
		if ok || rehash || err == nil {
			t.Errorf("%.80q: %v, rehash %v, %v", stored, ok, rehash, err)
		}
	}
	// The rows above differ from this one in their fault only.
	if _, _, err := h.Verify(t.Context(), "$argon2id$v=19$m=64,t=1,p=1$"+salt+"$"+tag, good); err != nil {
		t.Error(err)
	}
}

// A storm fills the places, then the queue, and everybody else is told at once.
func TestAStormIsToldToComeBackLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := password.New(password.Options{Params: cheap, Concurrency: 2, Waiting: 3, QueueWait: 2 * time.Second})
		release := h.Occupy(2)
		for range 2 { // who went away has left no trace in the queue
			results := make(chan error, 10)
			began := time.Now()
			for range 10 {
				go func() { results <- h.VerifyNothing(context.Background(), good) }()
			}
			synctest.Wait()
			if n := len(results); n != 7 {
				t.Errorf("%d of 10 were sent away at once, want all but the 3 who may wait", n)
			}
			for range 10 {
				if err := <-results; !errors.Is(err, password.ErrBusy) {
					t.Errorf("got %v", err)
				}
			}
			if waited := time.Since(began); waited != 2*time.Second {
				t.Errorf("those who waited were told after %v", waited)
			}
		}

		release()
		if err := h.VerifyNothing(context.Background(), good); err != nil {
			t.Errorf("after the storm: %v", err)
		}
	})
}

func TestWhoeverWaitsGetsTheNextPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := password.New(password.Options{Params: cheap, Concurrency: 1})
		release := h.Occupy(1)
		result := make(chan error, 1)
		go func() { result <- h.VerifyNothing(context.Background(), good) }()
		time.Sleep(time.Second)
		release()
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

func TestWhoeverLeavesTheQueueFreesTheirPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := password.New(password.Options{Params: cheap, Concurrency: 1, Waiting: 1})
		release := h.Occupy(1)
		for range 5 {
			ctx, cancel := context.WithCancel(context.Background())
			result := make(chan error, 1)
			go func() { result <- h.VerifyNothing(ctx, good) }()
			synctest.Wait()
			cancel()
			if err := <-result; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		release()
		dead, cancel := context.WithCancel(context.Background())
		cancel()
		for range 20 { // not by luck
			if _, err := h.Hash(dead, good); !errors.Is(err, context.Canceled) {
				t.Fatalf("hashing for nobody: %v", err)
			}
		}
		if _, err := h.Hash(context.Background(), good); err != nil {
			t.Error(err)
		}
	})
}

// Both do one Argon2id of the same parameters. The least of interleaved runs is
// what a busy machine disturbs least; the bound is so wide that only a missing hash
// breaks it.
func TestVerifyingNothingCostsWhatVerifyingCosts(t *testing.T) {
	h := password.New(password.Options{Params: password.Params{Memory: 2048, Time: 2, Threads: 1}, Pepper: []byte("pepper")})
	stored := hash(t, h, good)
	least := map[string]time.Duration{}
	for range 15 {
		for name, pw := range map[string]string{"wrong": good + "x", "too long": strings.Repeat("a", 9000)} {
			began := time.Now()
			if ok, _ := verify(t, h, stored, pw); ok {
				t.Fatal("a wrong password verifies")
			}
			real := time.Since(began)
			began = time.Now()
			if err := h.VerifyNothing(t.Context(), pw); err != nil {
				t.Fatal(err)
			}
			nothing := time.Since(began)
			least[name] = min(orMax(least[name]), real)
			least[name+", nobody"] = min(orMax(least[name+", nobody"]), nothing)
		}
	}
	for name, d := range least {
		if d < least["wrong"]/2 || d > least["wrong"]*2 {
			t.Errorf("%s: %v, while verifying a wrong password costs %v", name, d, least["wrong"])
		}
	}
}

func orMax(d time.Duration) time.Duration {
	if d == 0 {
		return math.MaxInt64
	}
	return d
}

func TestAbsurdParametersAreNoHasher(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a hasher that could not verify its own hashes was made")
		}
	}()
	password.New(password.Options{Params: password.Params{Memory: 1 << 30, Time: 1, Threads: 1}})
}

func FuzzStoredHash(f *testing.F) {
	h := password.New(password.Options{Params: cheap})
	stored := hash(f, h, good)
	f.Add(stored)
	f.Add("$argon2id$v=19$m=64,t=1,p=1,keyid=AAAA$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, s string) {
		password.CheckStored(t, s)
	})
}

func BenchmarkArgon2Default(b *testing.B) {
	h := password.New(password.Options{Pepper: []byte("pepper")})
	stored := hash(b, h, good)
	for b.Loop() {
		verify(b, h, stored, good)
	}
}
