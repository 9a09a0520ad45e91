package caller

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// betweenClips is the pause between two clips of a list that names none. It is
// short enough to belong to one utterance.
const betweenClips = 250 * time.Millisecond

// maxSpeech bounds what one step says.
const maxSpeech = 5 * time.Minute

// Apply puts the script's steps and settings into a call. clip gives the WAV
// file of a name that the script says; errors are of the type *ScriptError.
func (s *Script) Apply(o Options, clip func(name string) ([]byte, error)) (Options, error) {
	o.Script = s.File
	s.Caller.apply(&o)
	o.Steps = nil
	for _, step := range s.Steps {
		made, err := step.step(clip)
		if err != nil {
			return o, &ScriptError{s.File, step.Line, err.Error()}
		}
		made.line = step.Line
		o.Steps = append(o.Steps, made)
	}
	return o, nil
}

func (c Settings) apply(o *Options) {
	if c.Frame != 0 {
		o.FrameMillis = int(time.Duration(c.Frame).Milliseconds())
	}
	if c.Connections != 0 {
		o.Connections = c.Connections
	}
	if c.KeyGap != 0 {
		o.KeyGap = time.Duration(c.KeyGap)
	}
	if c.Pause != 0 {
		o.Pause = time.Duration(c.Pause)
	}
	if n := c.LineNoise; n != nil {
		o.LineNoise = *n
		if *n == 0 {
			o.LineNoise = -1
		}
	}
	o.OmitFormat = o.OmitFormat || c.OmitFormat
	o.Cancel = o.Cancel || c.Cancel
	o.AllowPartial = o.AllowPartial || c.AllowPartial
	o.KeepTerminator = o.KeepTerminator || c.KeepTerminator
	o.EndAfterFinish = o.EndAfterFinish || c.EndAfterFinish
	if c.Start == "none" {
		o.Start = WithoutStart
	}
	if c.Listen == "early" {
		o.Listen = Early
	}
	if c.NoInputOn == "new" {
		o.NoInputOn = OnNewRPC
	}
	if c.DTMFStart != "" {
		o.DTMFStart = dtmfStarts[c.DTMFStart]
	}
}

var dtmfStarts = map[string]DTMFStart{"listening": OnListening, "own": OnItsOwn, "none": Unannounced}

// step makes the step that the caller runs.
func (s ScriptStep) step(clip func(string) ([]byte, error)) (made Step, err error) {
	switch {
	case s.Wait != "":
		return WaitAnswer(), nil
	case len(s.Say) > 0:
		speech, err := s.Say.speech(clip)
		return Say(speech), err
	case s.Press != nil:
		return s.Press.step(Step{act: actPress}), nil
	case s.Silence != 0:
		return Silence(time.Duration(s.Silence)), nil
	case s.Noise != nil:
		return Step{act: actNoise, speech: s.Noise.burst()}, nil
	case s.BargeIn != nil:
		made = Step{act: actBargeIn, length: time.Duration(s.BargeIn.After)}
		if s.BargeIn.Press != nil {
			return s.BargeIn.Press.step(made), nil
		}
		made.speech, err = s.BargeIn.Say.speech(clip)
		return made, err
	case s.Need != nil:
		return Step{act: actNeed, check: s.Need}, nil
	case s.Expect != nil:
		return Step{act: actExpect, check: s.Expect}, nil
	case s.Send != nil:
		return s.Send.step(), nil
	case s.Cancel != "":
		return Step{act: actCancel, answer: s.Cancel == "answer"}, nil
	case s.Vanish:
		return Step{act: actVanish}, nil
	}
	return HangUp(), nil
}

func (p *ScriptPress) step(made Step) Step {
	made.digits = Press(p.Keys).digits
	made.start, made.startSet = dtmfStarts[p.Start]
	return made
}

func (s *ScriptSend) step() Step {
	event := mediav1.EventInput_EventType(mediav1.EventInput_EventType_value[s.Event])
	made := Step{act: actSend, send: sending{event: event, name: s.Name, params: s.Parameters}, onSet: s.On != ""}
	if s.On == "new" {
		made.send.on = OnNewRPC
	}
	return made
}

// speech puts clips and pauses together. Where it joins clips it takes the
// quiet off their ends, so that the pauses are as long as they are said to be.
func (c Clips) speech(clip func(string) ([]byte, error)) ([]byte, error) {
	var all []byte
	paused := true // a pause has been said, or nothing yet
	for _, name := range c {
		if lengthOf(len(all)) > maxSpeech {
			return nil, fmt.Errorf("say: more than %v in one step", maxSpeech)
		}
		if pause, err := time.ParseDuration(name); err == nil {
			if pause < 0 || pause > maxSpeech {
				return nil, fmt.Errorf("say: pause of %v, want up to %v", pause, maxSpeech)
			}
			all, paused = appendPause(all, pause), true
			continue
		}
		muLaw, err := readClip(name, clip)
		if err != nil {
			return nil, fmt.Errorf("say %s: %w", name, err)
		}
		if len(c) > 1 {
			muLaw = trimQuiet(muLaw)
		}
		if !paused {
			all = appendPause(all, betweenClips)
		}
		all, paused = append(all, muLaw...), false
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("say %v: no audio", []string(c))
	}
	return all, nil
}

func readClip(name string, clip func(string) ([]byte, error)) ([]byte, error) {
	file, err := clip(name)
	if err != nil {
		return nil, err
	}
	wav, err := audio.ParseWAV(file)
	if err != nil {
		return nil, err
	}
	return wav.MuLaw8k()
}

func appendPause(all []byte, pause time.Duration) []byte {
	for range audio.Telephone.Bytes(pause) {
		all = append(all, audio.MuLawSilence)
	}
	return all
}

// trimQuiet is a clip from its first sound to its last.
func trimQuiet(muLaw []byte) []byte {
	const size = 80 // 10 ms
	loud := speechFrames(muLaw, size)
	first, last := -1, -1
	for i, l := range loud {
		if l && first < 0 {
			first = i
		}
		if l {
			last = i
		}
	}
	if first < 0 {
		return muLaw
	}
	return muLaw[first*size : (last+1)*size]
}

// burst is white noise of the level, as an effective value below full scale.
func (n *ScriptNoise) burst() []byte {
	samples := make([]int16, audio.Telephone.Bytes(time.Duration(n.For)))
	random := rand.New(rand.NewPCG(3, 4)) // the same burst in each run
	peak := 32768 * math.Pow(10, float64(n.Level)/20) * math.Sqrt(3)
	for i := range samples {
		samples[i] = int16(max(-32767, min(32767, (2*random.Float64()-1)*peak)))
	}
	return audio.EncodeMuLaw(nil, samples)
}
