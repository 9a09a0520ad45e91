package checked

import "golang.org/x/sys/unix"

// refusesPrograms reports whether the file system of dir is mounted so that
// nothing on it can be executed.
func refusesPrograms(dir string) bool {
	var about unix.Statfs_t
	return unix.Statfs(dir, &about) == nil && about.Flags&unix.ST_NOEXEC != 0
}
