package audio

import (
	"testing"
	"time"
)

func TestFormatArithmetic(t *testing.T) {
	tests := []struct {
		format Format
		name   string
		second int
		bytes  int
		plays  time.Duration
	}{
		{Format{}, "mu-law 8000 Hz", 8000, 160, 20 * time.Millisecond},
		{Telephone, "mu-law 8000 Hz", 8000, 3, 375 * time.Microsecond},
		{Format{ALaw, 16000}, "A-law 16000 Hz", 16000, 320, 20 * time.Millisecond},
		{Format{Linear16, 16000}, "linear16 16000 Hz", 32000, 640, 20 * time.Millisecond},
		{Format{Linear16, 44100}, "linear16 44100 Hz", 88200, 88200 * 3600, time.Hour},
	}
	for _, tt := range tests {
		if got := tt.format.String(); got != tt.name {
			t.Errorf("String = %q, want %q", got, tt.name)
		}
		if got := tt.format.BytesPerSecond(); got != tt.second {
			t.Errorf("%v: BytesPerSecond = %d, want %d", tt.format, got, tt.second)
		}
		if got := tt.format.Duration(tt.bytes); got != tt.plays {
			t.Errorf("%v: Duration(%d) = %v, want %v", tt.format, tt.bytes, got, tt.plays)
		}
		if got := tt.format.Bytes(tt.plays); got != tt.bytes {
			t.Errorf("%v: Bytes(%v) = %d, want %d", tt.format, tt.plays, got, tt.bytes)
		}
	}
	linear := Format{Linear16, 8000}
	if got := linear.Duration(5); got != 250*time.Microsecond {
		t.Errorf("Duration of two and a half samples = %v", got)
	}
	if got := linear.Bytes(-time.Second); got != 0 {
		t.Errorf("Bytes of a negative duration = %d", got)
	}
	if (Format{}).Normal() != Telephone {
		t.Errorf("the zero Format is %v", Format{}.Normal())
	}
}

func TestFormatValidate(t *testing.T) {
	for _, f := range []Format{{}, {ALaw, 8000}, {Linear16, 48000}, {MuLaw, 11025}} {
		if err := f.Validate(); err != nil {
			t.Errorf("%v: %v", f, err)
		}
	}
	for _, f := range []Format{{Rate: 7999}, {Rate: 48001}, {Rate: -8000}, {Encoding: 3}} {
		if f.Validate() == nil {
			t.Errorf("%v is valid", f)
		}
		if _, err := NewDecoder(f); err == nil {
			t.Errorf("%v has a decoder", f)
		}
		if _, err := NewConverter(f); err == nil {
			t.Errorf("%v has a converter", f)
		}
	}
}
