//go:build linux || darwin || freebsd

package badger

import "golang.org/x/sys/unix"

// freeSpace counts what an unprivileged process may use, not the reserve.
func freeSpace(dir string) (uint64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, err
	}
	return uint64(max(int64(fs.Bavail), 0)) * uint64(fs.Bsize), nil
}
