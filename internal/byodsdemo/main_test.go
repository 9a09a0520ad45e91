package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var hostBinary, echoBinary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "byodsdemo")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "../../cmd/byova-host", "../../plugins/echo")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %s", err, out)
		os.Exit(1)
	}
	hostBinary, echoBinary = filepath.Join(dir, "byova-host"), filepath.Join(dir, "echo")
	code := m.Run()
	os.RemoveAll(dir)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// TestJourney plays the journey with the real program, and looks for secrets in all
// that it prints, logs and shows to other processes.
func TestJourney(t *testing.T) {
	var out bytes.Buffer
	j, err := begin(t.Context(), t.TempDir(), hostBinary, echoBinary, &out)
	if err != nil {
		t.Fatal(err)
	}
	seen := &bytes.Buffer{}
	err = j.play(t.Context())
	if j.host != nil {
		showProcesses(t, seen, j.host.cmd.Process.Pid)
		seen.WriteString(j.host.log.String())
	}
	if err := j.end(err); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	seen.Write(out.Bytes())
	secrets := append(j.webex.Secrets(), strings.Repeat("5e", 32), "the-secret-of-the-webhooks")
	if len(secrets) < 10 {
		t.Fatalf("%d secrets: the journey had more", len(secrets))
	}
	for _, secret := range secrets {
		if i := strings.Index(seen.String(), secret); i >= 0 {
			t.Errorf("a secret is shown: ...%q", seen.String()[max(0, i-100):i])
		}
	}
	checkFiles(t, j.dir, secrets)
}

// showProcesses appends the command lines and environments of a host and of its
// plugins, as other processes of the user see them.
func showProcesses(t *testing.T, to *bytes.Buffer, pid int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	pids := []string{fmt.Sprint(pid)}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // ended
		}
		_, fields, _ := strings.Cut(string(stat), ") ")
		if parts := strings.Fields(fields); len(parts) > 1 && parts[1] == fmt.Sprint(pid) {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	if len(pids) < 2 {
		t.Errorf("host %d has no plugin", pid)
	}
	for _, pid := range pids {
		for _, what := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile("/proc/" + pid + "/" + what)
			if err != nil {
				t.Errorf("process %s: %v", pid, err)
			}
			to.Write(text)
		}
	}
}

// checkFiles holds that what is stored is encrypted, and for its owner alone.
func checkFiles(t *testing.T, dir string, secrets []string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(filepath.Join(dir, "store"), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if d.IsDir() {
			return nil
		}
		files++
		text, err := os.ReadFile(path)
		for _, secret := range secrets {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s shows a secret", path)
			}
		}
		return err
	})
	if err != nil || files < 2 {
		t.Errorf("%d files, %v: want a record of the integration and one of the customer", files, err)
	}
}
