//go:build !linux

package pluginwire

import (
	"errors"
	"runtime"
)

var errNoLimits = errors.New("this host cannot limit processes on " + runtime.GOOS)

func limitFiles(int, uint64) error { return errNoLimits }

func resident(int) (int64, error) { return 0, errNoLimits }
