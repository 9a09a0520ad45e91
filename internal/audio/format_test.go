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
		{Format{Encoding: ALaw, Rate: 16000}, "A-law 16000 Hz", 16000, 320, 20 * time.Millisecond},
		{Format{Encoding: Linear16, Rate: 16000}, "linear16 16000 Hz", 32000, 640, 20 * time.Millisecond},
		{Format{Encoding: Linear24, Rate: 48000, Channels: 2}, "linear24 48000 Hz stereo", 288000, 5760, 20 * time.Millisecond},
		{Format{Encoding: Linear8, Rate: 8000, Channels: 1}, "linear8 8000 Hz", 8000, 160, 20 * time.Millisecond},
		{Format{Encoding: WAVFile, Rate: 44100}, "WAV file", 0, 0, 0},
		{Format{Encoding: Linear16, Rate: 44100}, "linear16 44100 Hz", 88200, 88200 * 3600, time.Hour},
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
	linear := Format{Encoding: Linear16, Rate: 8000}
	if got := linear.Duration(5); got != 250*time.Microsecond {
		t.Errorf("Duration of two and a half samples = %v", got)
	}
	if got := linear.Bytes(-time.Second); got != 0 {
		t.Errorf("Bytes of a negative duration = %d", got)
	}
	if got := (Format{Encoding: WAVFile}).Duration(5000); got != 0 {
		t.Errorf("Duration of a file of unknown content = %v", got)
	}
	if (Format{Channels: 1}).Normal() != Telephone {
		t.Errorf("the zero Format is %v", Format{}.Normal())
	}
}

// Callers send what telephones send; bots play more.
func TestFormatValidate(t *testing.T) {
	tests := []struct {
		format         Format
		caller, prompt bool
	}{
		{Format{}, true, true},
		{Format{Channels: 1}, true, true},
		{Format{Encoding: ALaw, Rate: 8000}, true, true},
		{Format{Encoding: Linear16, Rate: 48000}, true, true},
		{Format{Encoding: MuLaw, Rate: 11025}, true, true},
		{Format{Channels: 2}, false, true},
		{Format{Encoding: Linear8, Rate: 8000}, false, true},
		{Format{Encoding: Linear24, Rate: 48000, Channels: 2}, false, true},
		{Format{Encoding: WAVFile}, false, true},
		{Format{Encoding: WAVFile, Rate: 1, Channels: 9}, false, true},
		{Format{Rate: 7999}, false, false},
		{Format{Rate: 48001}, false, false},
		{Format{Rate: -8000}, false, false},
		{Format{Encoding: Linear24, Rate: 96000}, false, false},
		{Format{Channels: 3}, false, false},
		{Format{Channels: -1}, false, false},
		{Format{Encoding: linear32}, false, false},
		{Format{Encoding: float32s}, false, false},
		{Format{Encoding: 255}, false, false},
	}
	for _, tt := range tests {
		_, decoder := NewDecoder(tt.format)
		if err := tt.format.Validate(); (err == nil) != tt.caller || (decoder == nil) != tt.caller {
			t.Errorf("%v of a caller: %v, decoder %v, want good: %v", tt.format, err, decoder, tt.caller)
		}
		_, converter := NewConverter(tt.format)
		if err := tt.format.ValidatePrompt(); (err == nil) != tt.prompt || (converter == nil) != tt.prompt {
			t.Errorf("%v of a bot: %v, converter %v, want good: %v", tt.format, err, converter, tt.prompt)
		}
	}
}
