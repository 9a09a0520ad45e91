package speech

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/cmplx"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// wave is a WAV file of so many milliseconds of a tone at 24 kHz.
func wave(ms int) []byte {
	return audio.AppendWAV(nil, audio.WAV{Format: audio.Format{Encoding: audio.Linear16, Rate: 24000}, Data: pcm24(ms)})
}

// pcm24 is such a tone without a header.
func pcm24(ms int) (b []byte) {
	for i := range ms * 24 {
		s := int16(10000 * math.Sin(2*math.Pi*440*float64(i)/24000))
		b = append(b, byte(s), byte(s>>8))
	}
	return b
}

// TestService plays a speech service, right and wrong.
func TestService(t *testing.T) {
	pcm := func(w http.ResponseWriter, data []byte) {
		w.Header().Set("Content-Type", "audio/pcm")
		_, _ = w.Write(data)
	}
	refuse := func(status int, after string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Request-Id", "req_1")
			if after != "" {
				w.Header().Set("Retry-After", after)
			}
			w.WriteHeader(status)
			fmt.Fprint(w, `{"error":{"type":"bad_thing","code":"the_code","message":"you said: Secret words"}}`)
		}
	}
	for _, test := range []struct {
		name  string
		serve http.HandlerFunc
		asked int32
		bad   string // empty: it speaks
		text  bool   // it is the text's fault
	}{
		{"PCM", func(w http.ResponseWriter, _ *http.Request) { pcm(w, pcm24(500)) }, 1, "", false},
		{"PCM of another rate", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "audio/pcm; rate=8000")
			_, _ = w.Write(pcm24(500)[:8000])
		}, 1, "", false},
		{"WAV", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "audio/wav")
			_, _ = w.Write(wave(500))
		}, 1, "", false},
		{"half a WAV file", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "audio/wav")
			_, _ = w.Write(wave(500)[:9000])
		}, 1, "shorter than it says", false},
		{"a file that breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "24000")
			pcm(w, pcm24(500)[:9000])
		}, 1, "broke off", false},
		{"half a sample", func(w http.ResponseWriter, _ *http.Request) { pcm(w, pcm24(500)[:9001]) }, 1, "within a sample", false},
		{"an error page", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html><h1>Welcome to nginx</h1>") }, 1, "text/html", false},
		{"MP3", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "audio/mpeg")
			fmt.Fprint(w, "ID3")
		}, 1, "audio/mpeg", false},
		{"no such file", refuse(404, ""), 1, "check the address", false},
		{"wrong key", refuse(401, ""), 1, "check the key", false},
		{"a text that it does not take", refuse(400, ""), 1, "bad_thing, the_code, request req_1", true},
		{"too many requests", refuse(429, "0"), 3, "answered 429", false},
		{"down", refuse(503, ""), 3, "answered 503", false},
		{"to be asked much later", refuse(429, "9999"), 1, "answered 429", false},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, 1, "answered 307", false},
		{"one that hangs", func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // or the end of the request is not seen
			<-r.Context().Done()
		}, 1, errStalled.Error(), false},
		{"one that stops in the middle", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			pcm(w, pcm24(100))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, 1, errStalled.Error(), false},
		{"one that trickles", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for r.Context().Err() == nil {
				pcm(w, pcm24(1)[:2])
				w.(http.Flusher).Flush()
				select {
				case <-time.After(50 * time.Millisecond):
				case <-r.Context().Done():
				}
			}
		}, 1, "too long", false},
		{"no sound at all", func(w http.ResponseWriter, _ *http.Request) { pcm(w, nil) }, 1, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				test.serve(w, r)
			}))
			defer server.Close()
			e := NewHTTP(HTTP{URL: server.URL, Key: "k", Timeout: 2 * time.Second})
			defer e.(io.Closer).Close()
			var b bytes.Buffer
			err := e.Synthesize(t.Context(), Request{Text: "Secret words"}, &b)
			if n := asked.Load(); n != test.asked {
				t.Errorf("asked %d times, want %d", n, test.asked)
			}
			if test.bad == "" {
				if err != nil || test.name != "no sound at all" && (b.Len() < 7900 || b.Len() > 8100) {
					t.Errorf("%d bytes, %v, want half a second", b.Len(), err)
				}
				return
			}
			_, text := errors.AsType[*TextError](err)
			if err == nil || !strings.Contains(err.Error(), test.bad) || strings.Contains(err.Error(), "Secret") || text != test.text {
				t.Errorf("error %v, want %q", err, test.bad)
			}
		})
	}
}

// TestServiceRequest holds what the service is asked for.
func TestServiceRequest(t *testing.T) {
	got := make(chan map[string]string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]string
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		body["auth"] = r.Method + " " + r.Header.Get("Authorization")
		got <- body
		w.Header().Set("Content-Type", "audio/pcm")
		_, _ = w.Write(pcm24(100))
	}))
	defer server.Close()
	e := NewHTTP(HTTP{URL: server.URL, Key: "sk-1", Model: "m", Voices: map[string]string{"de-DE": "hanna"}})
	defer e.(io.Closer).Close()
	for _, test := range []struct {
		r     Request
		voice string
		input string
	}{
		{Request{Text: "Hi."}, "alloy", "Hi."},
		{Request{Text: "Hi.", Voice: "nova", Language: "de"}, "nova", "Hi."},
		{Request{Text: "Hallo.", Language: "de-AT"}, "hanna", "Hallo."},
		{Request{Text: "Hi.", Language: "en-GB"}, "alloy", "Hi."},
		{Request{SSML: "<speak>A <emphasis>B</emphasis></speak>"}, "alloy", "A B"},
	} {
		if err := e.Synthesize(t.Context(), test.r, io.Discard); err != nil {
			t.Fatal(err)
		}
		body := <-got
		if body["voice"] != test.voice || body["input"] != test.input || body["model"] != "m" || body["response_format"] != "pcm" || body["auth"] != "POST Bearer sk-1" {
			t.Errorf("%+v was asked for as %v", test.r, body)
		}
	}
}

// TestVoiceThatTheServiceLacks: a service that does not have a request's voice takes its own,
// and is not asked for that one again.
func TestVoiceThatTheServiceLacks(t *testing.T) {
	var asked []string // one request at a time
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Voice, Input string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		asked = append(asked, body.Voice)
		if body.Voice != "alloy" || body.Input == "bad" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "audio/pcm")
		_, _ = w.Write(pcm24(100))
	}))
	defer server.Close()
	e := NewHTTP(HTTP{URL: server.URL})
	defer e.(io.Closer).Close()
	for _, test := range []struct {
		r     Request
		asked string
		bad   bool
	}{
		{Request{Text: "bad", Voice: "anna"}, "anna alloy", true}, // who knows whether it was the voice
		{Request{Text: "Hi.", Voice: "anna"}, "anna alloy", false},
		{Request{Text: "Hi.", Voice: "anna"}, "alloy", false},
		{Request{Text: "bad"}, "alloy", true},
	} {
		asked = nil
		err := e.Synthesize(t.Context(), test.r, io.Discard)
		if got := strings.Join(asked, " "); got != test.asked || isTextual(err) != test.bad {
			t.Errorf("%+v was asked for with %q and gave %v, want %q", test.r, got, err, test.asked)
		}
	}
}

// TestSlowListener: the time that one takes to hear is not the service's.
func TestSlowListener(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "audio/pcm")
		_, _ = w.Write(pcm24(2000))
	}))
	defer server.Close()
	const timeout = time.Second
	e := NewHTTP(HTTP{URL: server.URL, Timeout: timeout})
	defer e.(io.Closer).Close()
	heard := 0
	slow := writer(func(b []byte) {
		if heard == 0 {
			<-time.After(timeout * 3 / 2) // the service's time would be over
		}
		heard += len(b)
	})
	if err := e.Synthesize(t.Context(), Request{Text: "Hi."}, slow); err != nil || heard < 31000 {
		t.Errorf("%d bytes were heard, %v", heard, err)
	}
}

// TestMissingService: where nothing listens, the next engine speaks.
func TestMissingService(t *testing.T) {
	e := NewHTTP(HTTP{URL: "http://127.0.0.1:1/v1/audio/speech"})
	if n := len(said(t, newVoice(t, e, Clips()), Request{Text: "Thank you for calling."})); n == 0 {
		t.Error("nothing was heard")
	}
}

// script puts a program into an empty PATH.
func script(t *testing.T, name, text string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

const espeakVoices = `if [ "$1" = --voices ]; then
echo 'Pty Language       Age/Gender VoiceName          File          Other Languages'
echo ' 5  de              --/M      German             gmw/de'
echo ' 2  en-us           --/M      English_(America)  gmw/en-US'
exit 0
fi
`

// TestPrograms plays programs that are installed and go wrong.
func TestPrograms(t *testing.T) {
	file := filepath.Join(t.TempDir(), "speech.wav")
	if err := os.WriteFile(file, wave(500), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, script string
		r            Request
		bad          string
	}{
		{"right", `[ "$(cat)" = 'Hello; rm -rf $HOME' ] && cat ` + file, Request{Text: "Hello; rm -rf $HOME"}, ""},
		{"no secrets", `[ -z "$SPEECH_TEST_SECRET" ] && cat ` + file, Request{Text: "Hi"}, ""},
		{"in German", `[ "$6" = de ] && cat ` + file, Request{Text: "Hi", Language: "de-AT"}, ""},
		{"SSML", `[ "$7" = -m ] && cat ` + file, Request{SSML: "<speak>Hi</speak>"}, ""},
		{"SSML without addresses", `[ "$(cat)" = '<speak xml:lang="en">a <prosody rate="+10%">b &amp; c</prosody></speak>' ] && cat ` + file,
			Request{SSML: "<?x y?><speak xml:base='/etc/' xml:lang='en'>a <lexicon uri='file:///x'/><audio src='/etc/passwd'><desc>d</desc><prosody rate='+10%' onload='x'>b &amp; c</prosody></audio></speak>"}, ""},
		{"a language that it lacks", "cat " + file, Request{Text: "Hi", Language: "fr-FR"}, `does not speak "fr-FR"`},
		{"fails", "echo Secret words >&2; exit 3", Request{Text: "Secret words"}, "exit status 3"},
		{"garbage", "echo no sound here at all", Request{Text: "Hi"}, "WAV file"},
		{"half a file", "head -c 9000 " + file, Request{Text: "Hi"}, "shorter than it says"},
		{"nothing", "exit 0", Request{Text: "Hi"}, "shorter than it says"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SPEECH_TEST_SECRET", "x")
			script(t, "espeak-ng", espeakVoices+test.script)
			e := FindESpeak(t.Context())
			if e == nil {
				t.Fatal("not found")
			}
			var b bytes.Buffer
			err := e.Synthesize(t.Context(), test.r, &b)
			if test.bad == "" && (err != nil || b.Len() < 7900) {
				t.Errorf("%d bytes, %v", b.Len(), err)
			}
			if test.bad != "" && (err == nil || !strings.Contains(err.Error(), test.bad) || strings.Contains(err.Error(), "Secret")) {
				t.Errorf("error %v, want %q", err, test.bad)
			}
		})
	}
	t.Run("hangs", func(t *testing.T) {
		began := filepath.Join(t.TempDir(), "began")
		script(t, "espeak-ng", espeakVoices+"touch "+began+"; exec sleep 60")
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("barge-in")
		go func() {
			for _, err := os.Stat(began); err != nil && ctx.Err() == nil; _, err = os.Stat(began) {
				time.Sleep(time.Millisecond)
			}
			cancel(gone)
		}()
		if err := FindESpeak(t.Context()).Synthesize(ctx, Request{Text: "Hi"}, io.Discard); !errors.Is(err, gone) {
			t.Errorf("Synthesize = %v, want the cause", err)
		}
	})
	t.Run("is busy", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newProgram("espeak-ng", filepath.Join(t.TempDir(), "none"))
			p.voices = map[string]string{"en": "en"}
			for range cap(p.slots) {
				p.slots <- struct{}{} // programs that hang
			}
			if err := p.Synthesize(t.Context(), Request{Text: "Hi"}, io.Discard); err == nil || !strings.Contains(err.Error(), "are not done yet") {
				t.Errorf("Synthesize = %v", err)
			}
		})
	})
	t.Run("floods", func(t *testing.T) {
		script(t, "espeak-ng", espeakVoices+"exec cat /dev/zero")
		if err := FindESpeak(t.Context()).Synthesize(t.Context(), Request{Text: "Hi"}, io.Discard); err == nil || !strings.Contains(err.Error(), "it wrote more than") {
			t.Errorf("Synthesize = %v", err)
		}
	})
	t.Run("is broken from the start", func(t *testing.T) {
		script(t, "espeak-ng", "exit 1")
		if e := FindESpeak(t.Context()); e != nil {
			t.Errorf("found %v", e)
		}
	})
}

// TestInstalled holds the engines that this machine has to what all are held to.
func TestInstalled(t *testing.T) {
	for _, find := range []func(context.Context) Engine{FindESpeak, FindFlite} {
		e := find(t.Context())
		if e == nil {
			t.Log("one program is not installed: its part is skipped")
			continue
		}
		checkSpeech(t, newVoice(t, e), e.Name())
	}
}

// checkSpeech holds that what an engine says is speech: its level, how long it takes, where
// its energy is, that two texts differ, and that one repeats.
func checkSpeech(t *testing.T, v *Voice, name string) {
	t.Helper()
	text := Request{Text: "Thank you for calling. Please hold while I transfer your call."}
	sound := said(t, v, text)
	if length := time.Duration(len(sound)/pcmBytes) * time.Second / Rate; length < 2*time.Second || length > 7*time.Second {
		t.Errorf("%s: %d characters take %v", name, len(text.Text), length)
	}
	if level := activeLevel(sound); math.Abs(level-targetLevel) > 2.5 {
		t.Errorf("%s: %.1f dBov, want %d", name, level, targetLevel)
	}
	checkShape(t, sound)
	voice, other := bands(sound)
	if voice < 5*other {
		t.Errorf("%s: the band of voices has %.3g, the rest %.3g", name, voice, other)
	}
	if !bytes.Equal(sound, said(t, v, text)) {
		t.Errorf("%s: one text is said in two ways", name)
	}
	if bytes.Equal(sound, said(t, v, Request{Text: "One moment, please."})) {
		t.Errorf("%s: two texts sound the same", name)
	}
	t.Logf("%s: %d bytes, %.1f dBov", name, len(sound), activeLevel(sound))
}

// bands is the power between 150 and 3500 Hz, and that of the rest.
func bands(sound []byte) (voice, other float64) {
	x := samples(sound)
	const n = 256
	for ; len(x) >= n; x = x[n:] {
		for k := 1; k < n/2; k++ {
			var sum complex128
			for i, s := range x[:n] {
				sum += complex(s*(0.5-0.5*math.Cos(2*math.Pi*float64(i)/n)), 0) * cmplx.Rect(1, -2*math.Pi*float64(k*i)/n)
			}
			power := real(sum)*real(sum) + imag(sum)*imag(sum)
			if hertz := float64(k) * Rate / n; hertz >= 150 && hertz <= 3500 {
				voice += power
			} else {
				other += power
			}
		}
	}
	return voice, other
}

func TestClips(t *testing.T) {
	v := newVoice(t, Clips())
	checkSpeech(t, v, "clips")
	b := loadBank()
	if len(b.files) < 200 {
		t.Fatalf("only %d phrases", len(b.files))
	}
	for phrase, name := range b.files {
		file, err := clipFiles.ReadFile(name)
		if err != nil {
			t.Fatalf("%q: %v: make clips", phrase, err)
		}
		sound, err := decodeWAV(file)
		if err != nil {
			t.Fatalf("%q: %v", phrase, err)
		}
		checkShape(t, sound)
		if level := activeLevel(sound); math.Abs(level-targetLevel) > 4 {
			t.Errorf("%q: %.1f dBov, want %d", phrase, level, targetLevel)
		}
	}
	files, err := clipFiles.ReadDir("clips/en")
	if err != nil || len(files) != len(b.files) {
		t.Errorf("%d files for %d phrases, %v: make clips", len(files), len(b.files), err)
	}
}

// TestClipText holds what the clips are joined of.
func TestClipText(t *testing.T) {
	for _, test := range []struct {
		text    string
		want    string // files, with a comma for a pause
		lacking []string
	}{
		{"Hello!", "hello", nil},
		{"Thank you for calling. Goodbye.", "thank-you-for-calling , goodbye", nil},
		{"Hello, you have reached byova-host.", "hello-you-have-reached-byova-host", nil},
		{"Good morning - and welcome", "good-morning , and welcome", nil},
		{"thank you, goodbye", "thank-you , goodbye", nil},
		{"For sales press 1.", "for-sales press 1", nil},
		{"You entered 42.", "you-entered 40 2", nil},
		{"You entered 17, 60 and 0.", "you-entered 17 , 60 and 0", nil},
		{"Your code is A4-071.", "your-code-is a 4 , 0 7 1", nil},
		{"Your PIN", "your p i n", nil},
		{"Hello Bob, it is open", "hello , it is open", []string{"Bob"}},
		{"Grüß Gott", "", []string{"Grüß", "Gott"}},
	} {
		files, lacking := loadBank().find(test.text)
		names := make([]string, len(files))
		for i, f := range files {
			if names[i] = strings.TrimSuffix(strings.TrimPrefix(f, "clips/en/"), ".wav"); f == "" {
				names[i] = ","
			}
		}
		if got := strings.Join(names, " "); got != test.want || !slices.Equal(lacking, test.lacking) {
			t.Errorf("%q is made of %q and lacks %q, want %q and %q", test.text, got, lacking, test.want, test.lacking)
		}
	}
	err := Clips().Synthesize(t.Context(), Request{Text: "Hello.", Language: "de-DE"}, io.Discard)
	if _, ok := errors.AsType[*TextError](err); !ok {
		t.Errorf("the clips spoke German: %v", err)
	}
}

func TestRecorded(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string][]byte{"welcome-to-acme.wav": wave(300), "de/welcome-to-acme.wav": wave(600), "one-two.wav": wave(900), "broken.wav": []byte("RIFF")} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if got := CheckRecorded(dir); len(got) != 1 || !strings.Contains(got[0].Error(), "broken.wav cannot be played") {
		t.Errorf("problems: %v", got)
	}
	if got := CheckRecorded(filepath.Join(dir, "none")); len(got) != 1 || !strings.Contains(got[0].Error(), "no such file") {
		t.Errorf("problems of a folder that is not there: %v", got)
	}
	e, err := Recorded(dir)
	if err != nil {
		t.Fatal(err)
	}
	spare := sounding("spare", 0.5)
	v := newVoice(t, e, spare)
	for _, test := range []struct {
		r     Request
		ms    int // 0: the other engine speaks
		spare int32
	}{
		{Request{Text: "Welcome to ACME!"}, 300, 0},
		{Request{Text: "Welcome to Acme", Language: "en-US"}, 300, 0},
		{Request{Text: "Welcome to Acme", Language: "de-AT"}, 600, 0},
		{Request{Text: "Welcome to Acme", Language: "../../etc"}, 300, 0},
		{Request{Text: "One. Two."}, 900, 0}, // the recording of both sentences
		{Request{Text: "Something else."}, 0, 1},
		{Request{Text: "Broken."}, 0, 2},
	} {
		got := said(t, v, test.r)
		if ms := len(got) * 1000 / Rate / pcmBytes; test.ms > 0 && (ms < test.ms-50 || ms > test.ms+100) {
			t.Errorf("%+v takes %d ms, want about %d", test.r, ms, test.ms)
		}
		if n := spare.asked.Load(); n != test.spare {
			t.Errorf("%+v: the other engine was asked %d times, want %d", test.r, n, test.spare)
		}
	}
	for _, path := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "broken.wav")} {
		if _, err := Recorded(path); err == nil {
			t.Errorf("%s was taken for a directory", path)
		}
	}
}

// choices are what the recogniser chooses from.
var choices = []string{
	"thank you for calling", "one moment please", "please hold while i transfer your call", "i did not hear anything",
	"that is not a valid choice", "how can i help you", "please enter your number", "our office is closed", "good morning", "please try again later",
}

// TestRecognised has a recogniser say which of ten phrases it hears, where pocketsphinx is
// installed (Debian: pocketsphinx, pocketsphinx-en-us). Its model is of wide-band speech,
// and ours is that of a telephone: it is right more often than not, where chance would be
// right once in ten.
func TestRecognised(t *testing.T) {
	recogniser, err := exec.LookPath("pocketsphinx_continuous")
	if err != nil {
		t.Skip("pocketsphinx is not installed: nobody recognises what is said")
	}
	dir := t.TempDir()
	grammar, file := filepath.Join(dir, "g.jsgf"), filepath.Join(dir, "said.wav")
	if err := os.WriteFile(grammar, []byte("#JSGF V1.0;\ngrammar g;\npublic <s> = "+strings.Join(choices, " | ")+";\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, e := range Standard(t.Context()) {
		v, right := newVoice(t, e), 0
		for _, choice := range choices {
			wav := audio.WAV{Format: audio.Format{Encoding: audio.Linear16, Rate: 16000}}
			up, err := audio.NewTranscoder(format, wav.Format)
			if err != nil {
				t.Fatal(err)
			}
			around := silence(500 * time.Millisecond)
			wav.Data = up.Flush(up.Convert(nil, slices.Concat(around, said(t, v, Request{Text: choice}), around)))
			if err := os.WriteFile(file, audio.AppendWAV(nil, wav), 0o600); err != nil {
				t.Fatal(err)
			}
			heard, err := exec.CommandContext(t.Context(), recogniser, "-infile", file, "-logfn", os.DevNull, "-jsgf", grammar,
				"-beam", "1e-200", "-wbeam", "1e-200", "-pbeam", "1e-200", "-fwdflat", "no").Output()
			if err != nil {
				t.Fatal(err)
			}
			if strings.TrimSpace(string(heard)) == choice {
				right++
			}
		}
		t.Logf("%s: pocketsphinx recognised %d of %d phrases", e.Name(), right, len(choices))
		want := 7
		if e.Name() == "espeak-ng" {
			want = 3 // it sounds like no voice that the model has heard
		}
		if right < want {
			t.Errorf("%s: only %d of %d phrases were recognised", e.Name(), right, len(choices))
		}
	}
}

// BenchmarkFirstSound is how long each engine takes to the first sound of a text that it
// has not said before.
func BenchmarkFirstSound(b *testing.B) {
	for _, e := range Standard(b.Context()) {
		b.Run(e.Name(), func(b *testing.B) {
			v := New(Config{Engines: []Engine{e}})
			defer v.Close()
			_ = v.WarmUp(b.Context())
			i := 0
			for b.Loop() {
				i++
				ctx, cancel := context.WithCancel(b.Context())
				err := v.Synthesize(ctx, Request{Text: fmt.Sprintf("Your number is %d.", i)}, writer(func([]byte) { cancel() }))
				cancel()
				if err != nil && ctx.Err() == nil {
					b.Fatal(err)
				}
			}
		})
	}
}
