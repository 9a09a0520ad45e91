package ownsocket

import "golang.org/x/sys/unix"

// userOf is whose program is at the other end.
func userOf(fd int) (user int, known bool, err error) {
	c, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, false, err
	}
	return int(c.Uid), true, nil
}
