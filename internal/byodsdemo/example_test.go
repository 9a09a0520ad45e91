package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSteps holds that an example ends with an error when one of its steps does not go as
// it says.
func TestSteps(t *testing.T) {
	const config = "byods:\n  api: ${WEBEX_API}\n  issuers: [\"${WEBEX_ISSUER}\"]\n  store: {dir: store, key_file: store.key}\n" +
		"plugins: {bot: {path: \"${BOT}\"}}\n"
	tests := []struct{ name, steps, says string }{
		{"all is well", "# nothing\nIn words.\nwebex portal\n$ byova-host orgs add ORG --refresh-token-file refresh-token --config host.yaml\n" +
			"$ byova-host orgs list --config host.yaml\nshows authorized\n", ""},
		{"a command fails", "$ byova-host orgs add ORG --refresh-token-file nowhere --config host.yaml", "nowhere"},
		{"it prints something else", "$ byova-host orgs list --config host.yaml\nshows authorized\n", "something else"},
		{"nobody is served", "! Unauthenticated byova-host call --addr 127.0.0.1:1", "not refused as Unauthenticated"},
		{"a call is refused", "$ byova-host serve --config host.yaml\n$ byova-host call --addr ADDR --dtmf 1", "Unauthenticated"},
		{"a call is refused otherwise", "$ byova-host serve --config host.yaml\n! NotFound byova-host call --addr ADDR --dtmf 1", "not refused as NotFound"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			example := t.TempDir()
			for name, text := range map[string]string{"host.yaml": config, "steps": test.steps} {
				if err := os.WriteFile(filepath.Join(example, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out bytes.Buffer
			err := run(t.Context(), hostBinary, echoBinary, example, &out)
			if test.says == "" && (err != nil || !strings.Contains(out.String(), "In words.\n  $ byova-host orgs add "+customer)) {
				t.Errorf("%v, printed:\n%s", err, out.String())
			}
			if test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("%v, want an error that says %q", err, test.says)
			}
		})
	}
}
