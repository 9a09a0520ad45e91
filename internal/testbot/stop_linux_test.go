package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestSigstop: the process is stopped, and not gone.
func TestSigstop(t *testing.T) {
	c := begin(t, "sigstop", nil, nil)
	c.press("1")
	c.expect("prompt, done 1")
	c.press("5")
	limit := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.process.Pid()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(stat), ") T ") {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("the process is not stopped: %s", stat)
		}
	}
}
