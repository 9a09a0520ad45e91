//go:build unix

package main

import (
	"os"
	"syscall"
)

func stopProcess() error { return syscall.Kill(os.Getpid(), syscall.SIGSTOP) }
