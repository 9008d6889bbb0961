// Package badger is the durable, embedded back end of package store: a Badger
// database in a directory of its own, for one process.
//
// It syncs each commit to disk, verifies checksums, retries conflicts, and stops
// writing while the disk still has room, since a full disk kills a process that
// maps its files. When files are missing or rotten it refuses to open rather than
// start with less than was acknowledged. One exception is by design: a write-ahead
// log is replayed up to its first broken record, as after a crash in mid-write.
// The directory must be on a local file system; network file systems do not lock
// reliably. A backup is a copy of the whole directory taken while it is closed.
package badger
