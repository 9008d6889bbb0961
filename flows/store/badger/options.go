package badger

import (
	"log/slog"
	"time"

	lsm "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/stepgate/stepgate/flows/store"
)

// Options say where the store is and how careful it is.
type Options struct {
	// Dir is the store's own directory, created with mode 0700 if need be.
	Dir string
	// NoSync skips syncing the disk at each commit. What was acknowledged then
	// still survives a crash of the process, but not of the machine.
	NoSync bool
	// MinFree is the low-water mark: with less free space on the file system of
	// Dir, in bytes, the store refuses to open and an open one refuses Update.
	// Default: 256 MiB.
	MinFree uint64
	// Logger receives what the store and Badger have to say, without keys and
	// values. Default: slog.Default().
	Logger *slog.Logger
	// FreeSpace returns the bytes free for this process on the file system of
	// dir. An error counts as a full disk. Default: ask the operating system.
	FreeSpace func(dir string) (uint64, error)

	pace pace
}

// pace holds the intervals that nobody configures; tests shorten them.
type pace struct {
	lockWait  time.Duration // how long Open waits for another handle to close
	closeWait time.Duration // how long Close waits for Badger's last flush
	probe     time.Duration // between two looks at the free space
}

// Sizes small enough for a gateway that shares its machine; Badger's own
// defaults reserve gigabytes.
const (
	memTableSize     = 8 << 20
	valueLogFileSize = 16 << 20
	minFreeFloor     = 256 << 20
	// closeRoom is what closing may write, in bytes: the tables in memory and
	// those being flushed.
	closeRoom = 4 * memTableSize
	// Shorter values live in the tables, and that is all of them: the value log
	// stays empty, so it needs no collecting, and losing it loses nothing.
	valueThreshold = store.MaxBytes
)

func (o Options) withDefaults() Options {
	if o.MinFree == 0 {
		// Room for what Badger may still write in the background after the last
		// accepted transaction, several times over.
		o.MinFree = max(minFreeFloor, 4*(2*memTableSize+valueLogFileSize))
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.FreeSpace == nil {
		o.FreeSpace = freeSpace
	}
	if o.pace == (pace{}) {
		o.pace = pace{
			lockWait:  2 * time.Second,
			closeWait: 30 * time.Second,
			probe:     time.Second,
		}
	}
	return o
}

// tuned returns Badger's options. DetectConflicts carries the whole safety of
// counters and one-time codes. Tables are verified as a whole before Badger sees
// them, see verify.
func (o Options) tuned(logger lsm.Logger) lsm.Options {
	return lsm.DefaultOptions(o.Dir).
		WithSyncWrites(!o.NoSync).
		WithDetectConflicts(true).
		WithNumVersionsToKeep(1).
		WithValueThreshold(valueThreshold).
		WithVerifyValueChecksum(true).
		WithChecksumVerificationMode(options.OnBlockRead).
		WithMemTableSize(memTableSize).
		WithValueLogFileSize(valueLogFileSize).
		WithBaseTableSize(2 << 20).
		WithNumMemtables(2).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(4).
		WithNumCompactors(2).
		WithBlockCacheSize(8 << 20).
		WithIndexCacheSize(4 << 20).
		WithCompression(options.None).
		WithMetricsEnabled(false).
		WithLogger(logger)
}
