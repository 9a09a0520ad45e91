package main

import "errors"

func stopProcess() error { return errors.New("a process of Windows cannot be stopped") }
