package speech

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/byova-host/byova-host/internal/audio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is an engine made of a func.
type fake struct {
	name  string
	speak func(ctx context.Context, r Request, w io.Writer) error
	asked atomic.Int32
}

func (f *fake) Name() string { return f.name }
func (f *fake) Synthesize(ctx context.Context, r Request, w io.Writer) error {
	f.asked.Add(1)
	return f.speak(ctx, r, w)
}

// tone is so many milliseconds of a sine at a peak of full scale, between silence.
func tone(ms int, peak float64) []byte {
	var b []byte
	b = append(b, silence(100*time.Millisecond)...)
	for i := range ms * Rate / 1000 {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(peak*32767*math.Sin(2*math.Pi*440*float64(i)/Rate))))
	}
	return append(b, silence(400*time.Millisecond)...)
}

func sounding(name string, peak float64) *fake {
	return &fake{name: name, speak: func(_ context.Context, r Request, w io.Writer) error {
		_, err := w.Write(tone(200+10*len(r.Text), peak))
		return err
	}}
}

func newVoice(t *testing.T, engines ...Engine) *Voice {
	v := New(Config{Engines: engines})
	t.Cleanup(v.Close)
	return v
}

func said(t *testing.T, v Synthesizer, r Request) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := v.Synthesize(t.Context(), r, &b); err != nil {
		t.Fatalf("speak %+v: %v", r, err)
	}
	return b.Bytes()
}

func samples(b []byte) []float64 {
	x := make([]float64, len(b)/2)
	for i := range x {
		x[i] = float64(int16(binary.LittleEndian.Uint16(b[2*i:]))) / 32768
	}
	return x
}

// activeLevel is that of speech in dBov, by what the package itself takes for active.
func activeLevel(b []byte) float64 {
	x := samples(b)
	var powers []float64
	for ; len(x) >= frame; x = x[frame:] {
		sum := 0.0
		for _, s := range x[:frame] {
			sum += s * s
		}
		powers = append(powers, sum/frame)
	}
	sum, n := active(powers)
	return 10 * math.Log10(sum/float64(n))
}

func TestSentences(t *testing.T) {
	long := strings.Repeat("word ", 70) + "and, here is the rest of it that is said after a breath"
	for _, test := range []struct {
		text string
		want []string
	}{
		{"Hello.", []string{"Hello."}},
		{"Hello. How are you? Fine!", []string{"Hello.", "How are you?", "Fine!"}},
		{"Dr. Smith, e.g. Mr. J. Doe, is in.", []string{"Dr. Smith, e.g. Mr. J. Doe, is in."}},
		{"It is 3.5 percent. Good.", []string{"It is 3.5 percent.", "Good."}},
		{"Your host is api.example.com today", []string{"Your host is api.example.com today"}},
		{"你好。再见。", []string{"你好。", "再见。"}},
		{"", nil},
	} {
		if got := sentences(test.text); !slices.Equal(got, test.want) {
			t.Errorf("%q is split into %q, want %q", test.text, got, test.want)
		}
	}
	for _, s := range sentences(long + long) {
		if len(s) > longest || s == "" {
			t.Errorf("a sentence has %d bytes, want 1 to %d", len(s), longest)
		}
	}
}

func TestRequest(t *testing.T) {
	for _, test := range []struct {
		name string
		r    Request
		want string // what is said, or
		bad  string // what is wrong
	}{
		{"text", Request{Text: " Hello,\tthere \n"}, "Hello, there", ""},
		{"control characters", Request{Text: "a\x00b\x1b[0m\u200bc"}, "a b [0mc", ""},
		{"emoji", Request{Text: "Hi 😀👍🏽!"}, "Hi !", ""},
		{"broken UTF-8", Request{Text: "a\xff\xfeb"}, "a b", ""},
		{"empty", Request{}, "", "nothing to say"},
		{"nothing but emoji", Request{Text: "😀 … !"}, "", "nothing to say"},
		{"100 kB", Request{Text: strings.Repeat("word ", 20000)}, "", "100000 bytes"},
		{"both", Request{Text: "a", SSML: "<speak>b</speak>"}, "", "both"},
		{"ssml", Request{SSML: "<speak>Hello <break time='1s'/><emphasis>you</emphasis></speak>"}, "Hello , you", ""},
		{"paragraphs", Request{SSML: "<speak><p><s>One.</s><s>Two.</s></p></speak>"}, "One. Two.", ""},
		{"substitute", Request{SSML: "<speak><sub alias='World Wide Web'>WWW</sub> is</speak>"}, "World Wide Web is", ""},
		{"digits", Request{SSML: "<speak>Code <say-as interpret-as='digits'>12 3</say-as>.</speak>"}, "Code 1 2 3 .", ""},
		{"description", Request{SSML: "<speak><audio src='x'><desc>a bell</desc>ring</audio></speak>"}, "ring", ""},
		{"no speak", Request{SSML: "<p>Hello</p>"}, "", "one <speak> element"},
		{"two documents", Request{SSML: "<speak>a</speak><speak>b</speak>"}, "", "one <speak> element"},
		{"nested", Request{SSML: "<speak><p><speak>b</speak></p></speak>"}, "", "<speak> within <p>"},
		{"not closed", Request{SSML: "<speak><p>a</speak>"}, "", "before byte"},
		{"unknown", Request{SSML: "<speak><blink>a</blink></speak>"}, "", "unknown element <blink>"},
		{"entity", Request{SSML: "<!DOCTYPE x [<!ENTITY a 'b'>]><speak>&a;</speak>"}, "", "SSML"},
		{"no text", Request{SSML: "<speak><break/></speak>"}, "", "nothing to say"},
		{"text around", Request{SSML: "a<speak>b</speak>"}, "", "outside of <speak>"},
		{"empty ssml", Request{SSML: "  "}, "", "no <speak>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := test.r.checked()
			if test.bad != "" {
				if _, ok := errors.AsType[*TextError](err); !ok || !strings.Contains(err.Error(), test.bad) {
					t.Errorf("%v, want a TextError with %q", err, test.bad)
				}
				return
			}
			got, plainErr := r.plain()
			if err != nil || plainErr != nil || got != test.want {
				t.Errorf("says %q, %v, %v, want %q", got, err, plainErr, test.want)
			}
		})
	}
}

// FuzzRequest holds that whatever is to be said is refused or said whole: no sentence is
// empty or too long, and no letter is lost by splitting.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{"Hello. You.", "<speak>a<say-as interpret-as='digits'>12</say-as></speak>", "<speak><sub alias='x'>y<p/></sub></speak>", "Dr. J.", strings.Repeat("a", 700), "你好。"} {
		f.Add(s)
	}
	letters := func(s string) string { return strings.Join(strings.Fields(s), "") }
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range []Request{{Text: text}, {SSML: text}} {
			checked, err := r.checked()
			if err != nil {
				continue
			}
			plain, err := checked.plain()
			if err != nil {
				t.Fatalf("%q was taken and has no text: %v", text, err)
			}
			var all strings.Builder
			for _, s := range sentences(plain) {
				if s == "" || len(s) > longest {
					t.Errorf("a sentence of %d bytes in %q", len(s), plain)
				}
				all.WriteString(s)
			}
			if letters(all.String()) != letters(plain) {
				t.Errorf("split into %q, want %q", all.String(), plain)
			}
			loadBank().find(plain)
			if r.SSML == "" {
				continue
			}
			tame, err := harmless(r.SSML)
			if err != nil {
				t.Fatalf("%q was taken and cannot be made harmless: %v", text, err)
			}
			if again, err := plainText(tame); err != nil || letters(again) != letters(plain) {
				t.Errorf("%q is harmless as %q, which says %q, %v, want %q", text, tame, again, err, plain)
			}
		}
	})
}

// TestOnce: a hundred who ask at the same time make one synthesis, and hear the same.
func TestOnce(t *testing.T) {
	release := make(chan struct{})
	e := &fake{name: "slow", speak: func(_ context.Context, _ Request, w io.Writer) error {
		<-release
		_, err := w.Write(tone(500, 0.5))
		return err
	}}
	v := newVoice(t, e)
	heard := make([]bytes.Buffer, 100)
	var all sync.WaitGroup
	for i := range heard {
		all.Go(func() {
			if err := v.Synthesize(t.Context(), Request{Text: "Welcome."}, &heard[i]); err != nil {
				t.Error(err)
			}
		})
	}
	close(release)
	all.Wait()
	if n := e.asked.Load(); n != 1 {
		t.Errorf("%d syntheses, want 1", n)
	}
	for i := range heard {
		if !bytes.Equal(heard[i].Bytes(), heard[0].Bytes()) || heard[i].Len() == 0 {
			t.Fatalf("listener %d heard %d bytes, the first %d", i, heard[i].Len(), heard[0].Len())
		}
	}
	said(t, v, Request{Text: "Welcome."})
	said(t, v, Request{Text: "Welcome.", Voice: "other"})
	if n := e.asked.Load(); n != 2 {
		t.Errorf("%d syntheses after a repetition and another voice, want 2", n)
	}
}

// TestNobodyListens: what nobody hears is not made to its end, and is not kept.
func TestNobodyListens(t *testing.T) {
	ended := make(chan error, 1)
	began := make(chan struct{})
	e := &fake{name: "long"}
	e.speak = func(ctx context.Context, _ Request, w io.Writer) error {
		if e.asked.Load() > 1 {
			_, err := w.Write(tone(100, 0.5))
			return err
		}
		close(began)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return context.Cause(ctx)
	}
	v := newVoice(t, e)
	ctx, hush := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	go func() {
		<-began
		hush(interrupted)
	}()
	if err := v.Synthesize(ctx, Request{Text: "Hi."}, io.Discard); !errors.Is(err, interrupted) {
		t.Errorf("Synthesize = %v, want the cause", err)
	}
	if err := <-ended; !errors.Is(err, errAlone) {
		t.Errorf("the engine was ended by %v", err)
	}
	if said(t, v, Request{Text: "Hi."}); e.asked.Load() != 2 {
		t.Errorf("asked %d times, want 2", e.asked.Load())
	}
}

// TestGivenUpAndAskedForAgain: what was given up and is made again is kept once, whoever of
// the two is ready first.
func TestGivenUpAndAskedForAgain(t *testing.T) {
	ready := []chan struct{}{make(chan struct{}), make(chan struct{})}
	began := make(chan struct{}, 2)
	e := &fake{name: "deaf"}
	e.speak = func(_ context.Context, _ Request, w io.Writer) error { // it does not heed its context
		n := e.asked.Load() - 1
		began <- struct{}{}
		<-ready[n]
		_, err := w.Write(tone(100, 0.5))
		return err
	}
	v := newVoice(t, e)
	ctx, hush := context.WithCancel(t.Context())
	go func() {
		<-began
		hush()
	}()
	if err := v.Synthesize(ctx, Request{Text: "Hi."}, io.Discard); !errors.Is(err, context.Canceled) {
		t.Fatalf("Synthesize = %v", err)
	}
	done := make(chan error)
	go func() { done <- v.Synthesize(t.Context(), Request{Text: "Hi."}, io.Discard) }()
	<-began
	close(ready[0])
	close(ready[1])
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	v.Close()
	kept := 0
	for _, r := range v.cache.kept.Values() {
		kept += len(r.data)
	}
	if v.cache.bytes != kept || kept == 0 {
		t.Errorf("%d bytes are counted, %d are kept", v.cache.bytes, kept)
	}
}

// TestCacheIsBounded: what was not used for longest goes first.
func TestCacheIsBounded(t *testing.T) {
	e := sounding("e", 0.5)
	v := New(Config{Engines: []Engine{e}, Cache: 40_000})
	defer v.Close()
	for _, text := range []string{"one", "two", "three", "one", "four", "one"} { // about 11 KB each
		said(t, v, Request{Text: text + strings.Repeat(" a", 20)})
	}
	v.Close()
	if v.cache.bytes > 40_000 || v.cache.kept.Len() == 0 {
		t.Errorf("%d bytes in %d texts are kept", v.cache.bytes, v.cache.kept.Len())
	}
	if n := e.asked.Load(); n != 4 {
		t.Errorf("%d syntheses, want 4: the one used again is kept", n)
	}
}

// TestFirstSentence: the first sentence is heard while the second is made.
func TestFirstSentence(t *testing.T) {
	second := make(chan struct{})
	e := &fake{name: "e", speak: func(_ context.Context, r Request, w io.Writer) error {
		if r.Text == "Two." {
			<-second
		}
		_, err := w.Write(tone(300, 0.5))
		return err
	}}
	v := newVoice(t, e)
	heard := make(chan int, 10)
	done := make(chan error)
	go func() {
		done <- v.Synthesize(t.Context(), Request{Text: "One. Two."}, writer(func(b []byte) { heard <- len(b) }))
	}()
	if n := <-heard; n == 0 {
		t.Error("nothing was heard of the first sentence")
	}
	close(second)
	go func() {
		for range heard {
		}
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
	close(heard)
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// TestNextEngine: one that fails hands over to the next, and then rests.
func TestNextEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		first := &fake{name: "first"}
		first.speak = func(_ context.Context, _ Request, w io.Writer) error {
			if broken {
				return errors.New("down")
			}
			_, err := w.Write(tone(100, 0.5))
			return err
		}
		second := sounding("second", 0.5)
		v := New(Config{Engines: []Engine{first, second}})
		defer v.Close()
		ask := func(text string) { said(t, v, Request{Text: text}) }
		ask("a")
		ask("b")
		if first.asked.Load() != 1 || second.asked.Load() != 2 {
			t.Errorf("asked %d and %d times, want 1 and 2: the first rests", first.asked.Load(), second.asked.Load())
		}
		time.Sleep(shortRest)
		ask("c") // fails again, and rests for twice as long
		time.Sleep(shortRest + time.Second)
		ask("d")
		if n := first.asked.Load(); n != 2 {
			t.Errorf("the first was asked %d times, want 2", n)
		}
		broken = false
		time.Sleep(2 * shortRest)
		ask("e")
		ask("f")
		if first.asked.Load() != 4 || second.asked.Load() != 4 {
			t.Errorf("asked %d and %d times, want 4 and 4: the first works again", first.asked.Load(), second.asked.Load())
		}
	})
}

// TestKeptSpeechIsNoSuccess: that an engine spoke yesterday does not say that it works.
func TestKeptSpeechIsNoSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &fake{name: "first"}
		first.speak = func(_ context.Context, r Request, w io.Writer) error {
			if r.Text != "kept" {
				return errors.New("down")
			}
			_, err := w.Write(tone(100, 0.5))
			return err
		}
		v := New(Config{Engines: []Engine{first, sounding("second", 0.5)}})
		defer v.Close()
		said(t, v, Request{Text: "kept"})
		asked := func() int32 { n := first.asked.Load(); first.asked.Store(0); return n }
		asked()
		for i := range 60 { // a call a second: it fails at 0, 5 and 15 s, and 35
			said(t, v, Request{Text: "kept"})
			said(t, v, Request{Text: fmt.Sprint("new ", i)})
			time.Sleep(time.Second)
		}
		if n := asked(); n != 4 {
			t.Errorf("a broken engine was asked %d times in a minute, want 4", n)
		}
	})
}

// TestTextErrorsDoNotRest: an engine is not to blame for a text.
func TestTextErrorsDoNotRest(t *testing.T) {
	picky := &fake{name: "picky", speak: func(context.Context, Request, io.Writer) error { return unspeakable("not this") }}
	v := newVoice(t, picky, Clips())
	for range 3 {
		said(t, v, Request{Text: "Hello."})
	}
	if n := picky.asked.Load(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
	err := v.Synthesize(t.Context(), Request{Text: "Zxcvb.", Language: "en-US"}, io.Discard)
	if _, ok := errors.AsType[*TextError](err); !ok || !strings.Contains(err.Error(), "in en-US") || !strings.Contains(err.Error(), "clips lack 1") || strings.Contains(err.Error(), "Zxcvb") {
		t.Errorf("error %v", err)
	}
}

// TestLongPauses: a recording is as long and as silent as it is, and SSML may begin with a
// pause.
func TestLongPauses(t *testing.T) {
	dir := t.TempDir()
	late := append(silence(5*time.Second), tone(20_000, 0.5)...)
	for name, sound := range map[string][]byte{"hi": late, "mute": silence(time.Second)} {
		file := audio.AppendWAV(nil, audio.WAV{Format: format, Data: sound})
		if err := os.WriteFile(filepath.Join(dir, name+".wav"), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	recordings, err := Recorded(dir)
	if err != nil {
		t.Fatal(err)
	}
	slow := &fake{name: "slow", speak: func(_ context.Context, _ Request, w io.Writer) error {
		_, err := w.Write(late[:len(late)/4])
		return err
	}}
	v := newVoice(t, recordings, slow)
	if n := len(said(t, v, Request{SSML: "<speak><break time='5s'/>hello</speak>"})); n == 0 || slow.asked.Load() != 1 {
		t.Errorf("SSML with a pause: %d bytes, of the other engine %d times", n, slow.asked.Load())
	}
	if err := v.Synthesize(t.Context(), Request{Text: "Mute."}, io.Discard); err == nil {
		t.Error("a mute recording and one that is too late were spoken")
	}
	if n := len(said(t, v, Request{Text: "Hi."})); n < 20*Rate*pcmBytes || slow.asked.Load() != 2 {
		t.Errorf("a recording of 20 s has %d bytes; the other engine was asked %d times", n, slow.asked.Load())
	}
}

// TestRefusalIsLogged: an engine that takes no text at all is found in the log, which is
// not filled with it, and has none of the text.
func TestRefusalIsLogged(t *testing.T) {
	var log strings.Builder
	picky := &fake{name: "picky", speak: func(context.Context, Request, io.Writer) error { return unspeakable("unknown model") }}
	recordings, err := Recorded(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	v := New(Config{Engines: []Engine{recordings, picky, Clips()}, Log: hclog.New(&hclog.LoggerOptions{Output: &log})})
	for range 3 {
		said(t, v, Request{Text: "Hello."})
	}
	v.Close()
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `engine=picky error="unknown model"`) || strings.Contains(got, "Hello") {
		t.Errorf("log:\n%s", got)
	}
}

// TestBrokenOff: a sentence of which half was heard is said again by the next engine.
func TestBrokenOff(t *testing.T) {
	half := &fake{name: "half", speak: func(_ context.Context, _ Request, w io.Writer) error {
		_, _ = w.Write(tone(2000, 0.5))
		return errors.New("the line broke")
	}}
	whole := sounding("whole", 0.5)
	v := newVoice(t, half, whole)
	if n := len(said(t, v, Request{Text: "Hello."})); n < 2000*Rate/1000 || whole.asked.Load() != 1 {
		t.Errorf("%d bytes were heard, and the other engine was asked %d times", n, whole.asked.Load())
	}
}

// TestEndless: an hour of sound for a word is cut, and the next engine speaks.
func TestEndless(t *testing.T) {
	endless := &fake{name: "endless", speak: func(_ context.Context, _ Request, w io.Writer) error {
		for {
			if _, err := w.Write(tone(1000, 0.5)); err != nil {
				return err
			}
		}
	}}
	whole := sounding("whole", 0.5)
	v := newVoice(t, endless, whole)
	if n := len(said(t, v, Request{Text: "Hi."})); n > 20*Rate*pcmBytes || whole.asked.Load() != 1 {
		t.Errorf("%d bytes were heard, and the other engine was asked %d times", n, whole.asked.Load())
	}
	for name, speak := range map[string]func(w io.Writer) error{
		"silence": func(w io.Writer) error { _, err := w.Write(silence(100 * time.Millisecond)); return err },
		"a word and silence": func(w io.Writer) error {
			_, err := w.Write(append(tone(200, 0.5), silence(time.Second)...))
			for err == nil {
				_, err = w.Write(silence(time.Second))
			}
			return err
		},
	} {
		written := 0
		endless := &fake{name: "endless", speak: func(_ context.Context, _ Request, w io.Writer) error {
			for {
				if err := speak(w); err != nil {
					return err
				}
				if written++; written > 10_000 {
					return errors.New("nobody stopped it")
				}
			}
		}}
		err := newVoice(t, endless).Synthesize(t.Context(), Request{Text: "Hi."}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "silence") && !strings.Contains(err.Error(), "too long for the text") {
			t.Errorf("endless %s: %v", name, err)
		}
	}
	mute := &fake{name: "mute", speak: func(context.Context, Request, io.Writer) error { return nil }}
	if err := newVoice(t, mute).Synthesize(t.Context(), Request{Text: "Hi."}, io.Discard); err == nil || !strings.Contains(err.Error(), "no sound") {
		t.Errorf("silence was taken for speech: %v", err)
	}
}

// TestLoudness: whatever an engine's level, what is heard is even, never clipped, and
// begins and ends without a click.
func TestLoudness(t *testing.T) {
	for _, peak := range []float64{0.01, 0.05, 0.2, 0.5, 0.999} {
		v := newVoice(t, sounding("e", peak))
		for _, text := range []string{"Hello there.", "This is the next sentence, which is longer."} {
			got := said(t, v, Request{Text: text})
			// Silence of 20 ms is left before, and of 60 ms behind.
			if want := (200 + 10*len(text) + 80) * Rate / 1000 * pcmBytes; len(got) < want-800 || len(got) > want+800 {
				t.Errorf("peak %g: %d bytes, want about %d: the silence around it is cut", peak, len(got), want)
			}
			if level := activeLevel(got); math.Abs(level-targetLevel) > 1 && peak > 0.011 {
				t.Errorf("peak %g: %.1f dBov, want %d", peak, level, targetLevel)
			}
			checkShape(t, got)
		}
	}
}

// checkShape holds that sound is not clipped, and begins and ends in silence.
func checkShape(t *testing.T, sound []byte) {
	t.Helper()
	x := samples(sound)
	for i, s := range x {
		if math.Abs(s) > 0.99 {
			t.Fatalf("sample %d is %g: clipped", i, s)
		}
	}
	for _, edge := range []float64{x[0], x[len(x)-1]} {
		if math.Abs(edge) > 0.01 {
			t.Errorf("it begins or ends at %g: that clicks", edge)
		}
	}
}

func TestWarmUp(t *testing.T) {
	good, bad := sounding("good", 0.5), &fake{name: "bad", speak: func(context.Context, Request, io.Writer) error { return errors.New("no key") }}
	v := newVoice(t, good, bad)
	err := v.WarmUp(t.Context(), Request{Text: "Welcome to Acme."})
	if err == nil || !strings.Contains(err.Error(), "bad: no key") {
		t.Errorf("WarmUp = %v", err)
	}
	before := good.asked.Load()
	if said(t, v, Request{Text: "Welcome to Acme."}); good.asked.Load() != before {
		t.Error("the text was not ready")
	}
	if got := v.Engines(); !slices.Equal(got, []string{"good", "bad"}) {
		t.Errorf("engines %v", got)
	}
}
