package session

import (
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

func TestBundledClipsPlay(t *testing.T) {
	for name, data := range map[string][]byte{"filler": defaultFiller(), "fallback": defaultFallback(), "unspoken": defaultUnspoken()} {
		if length := audio.Telephone.Duration(len(data)); length < time.Second || length > 5*time.Second {
			t.Errorf("%s plays for %v, want 1 to 5 s", name, length)
		}
	}
}
