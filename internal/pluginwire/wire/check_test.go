package wire

import (
	"strings"
	"testing"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// TestCheck: what would end the stream of all calls is refused before it is sent.
func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name, message, says string
	}{
		{"ordinary", "no luck", ""},
		{"too large", strings.Repeat("x", MaxMessage), "can be sent"},
		{"not UTF-8", "\xff", "UTF-8"},
	} {
		err := Check(&pluginv1.Command{Body: &pluginv1.Command_Failed{Failed: &pluginv1.Failed{Message: test.message}}})
		if (err == nil) != (test.says == "") || (err != nil && !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
	}
}
