package pluginwire

import (
	"slices"
	"testing"
)

// TestMessagesStayOnTheirLine: what a bot logs cannot look like lines of the host.
func TestMessagesStayOnTheirLine(t *testing.T) {
	_, message, _, ok := parseEntry([]byte(`{"@level":"info","@message":"one\n2026 [INFO] host: two\r"}`))
	if want := `one\n2026 [INFO] host: two\r`; !ok || message != want {
		t.Errorf("message %q, want %q", message, want)
	}
}

// TestStacksAreReadable: the tabs of a stack would show as \t.
func TestStacksAreReadable(t *testing.T) {
	_, _, pairs, ok := parseEntry([]byte(`{"@level":"error","@message":"oh","stack":"main.f()\n\t/src/bot.go:12"}`))
	if want := []any{"stack", "main.f()\n    /src/bot.go:12"}; !ok || !slices.Equal(pairs, want) {
		t.Errorf("%v %q, want %q", ok, pairs, want)
	}
}
