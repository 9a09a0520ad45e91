package pluginwire

import "testing"

// TestMessagesStayOnTheirLine: what a bot logs cannot look like lines of the host.
func TestMessagesStayOnTheirLine(t *testing.T) {
	_, message, _, ok := parseEntry([]byte(`{"@level":"info","@message":"one\n2026 [INFO] host: two\r"}`))
	if want := `one\n2026 [INFO] host: two\r`; !ok || message != want {
		t.Errorf("message %q, want %q", message, want)
	}
}
