package plugin_test

import (
	"fmt"
	"math"
	"os"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// A tone, made by the bot.
func ExampleFromPCM() {
	tone := make([]int16, 8000/5)
	for i := range tone {
		tone[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/8000))
	}
	audio := plugin.FromPCM(tone, 8000)
	fmt.Println(audio.Format, audio.Duration())
	// Output: linear16 8000 Hz 200ms
}

// A recorded greeting. A file that is broken plays for no time, and ReadWAV says why.
func ExampleWAV() {
	file, err := os.ReadFile("../../examples/speech/hello.wav")
	if err != nil {
		fmt.Println(err)
		return
	}
	greeting := plugin.WAV(file) // for Reply.Play
	fmt.Println(greeting.Duration() > 0, plugin.WAV(file[:20]).Duration())
	_, err = plugin.ReadWAV(file[:20])
	fmt.Println(err)
	// Output:
	// true 0s
	// audio: WAV file: chunk "fmt " of 18 bytes goes past the end at byte 12
}

// The sound of a file, for a bot that plays only its beginning.
func ExampleReadWAV() {
	file, err := os.ReadFile("../../examples/speech/hello.wav")
	if err != nil {
		fmt.Println(err)
		return
	}
	audio, err := plugin.ReadWAV(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	audio.Data = audio.Data[:4000] // mu-law: a byte is a sample
	fmt.Println(audio.Format, audio.Duration())
	// Output: mu-law 8000 Hz 500ms
}

func ExampleAudio_Duration() {
	audio := plugin.FromPCM(make([]int16, 24000), 16000)
	fmt.Println(audio.Format, audio.Duration())
	// Output: linear16 16000 Hz 1.5s
}

// How loud the caller was at most.
func ExampleAudio_PCM() {
	utterance := plugin.Audio{Data: []byte{0xff, 0x00, 0xff, 0x80}} // mu-law, as calls have it
	loudest := int16(0)
	for _, sample := range utterance.PCM() {
		loudest = max(loudest, sample)
	}
	fmt.Println(loudest)
	// Output: 32124
}

// The zero Format is that of a call.
func ExampleFormat() {
	wide := plugin.Format{Encoding: plugin.Linear16, Rate: 16000}
	fmt.Println(plugin.Format{})
	fmt.Println("the recogniser takes " + wide.String())
	// Output:
	// mu-law 8000 Hz
	// the recogniser takes linear16 16000 Hz
}

// The caller's audio for a recogniser that takes 16-bit samples at 16 kHz.
func ExampleConverter() {
	converter, err := plugin.NewConverter(plugin.Format{}, plugin.Format{Encoding: plugin.Linear16, Rate: 16000})
	if err != nil {
		fmt.Println(err)
		return
	}
	var sent []byte
	for range 50 { // pieces of 20 ms, as they come from a call
		sent = converter.Convert(sent, make([]byte, 160))
	}
	sent = converter.Flush(sent)
	fmt.Println(len(sent)/2, "samples of one second")
	// Output: 16000 samples of one second
}
