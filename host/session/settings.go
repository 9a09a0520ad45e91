package session

import (
	"time"

	"github.com/hashicorp/go-hclog"
)

// Config are the settings of all sessions. Zero fields take the default.
type Config struct {
	Log hclog.Logger // required

	MaxSessions   int           // 0: no limit
	CancelGrace   time.Duration // how long a call whose last RPC was cancelled is kept; default 10 s
	Idle          time.Duration // how long a call without RPCs is kept; default 10 minutes
	CustomReturn  time.Duration // how long a call is kept after a custom event; default 1 minute
	Credit        int           // bytes of audio a bot may send ahead of the wire; default 64 KiB
	TraceContent  bool          // traces have keys, texts and metadata from the beginning: for an author's own calls
	RejectUnknown bool          // refuse a call that does not begin with SESSION_START, instead of resuming it

	Calls  *Settings           // how calls are treated; nil takes DefaultSettings
	Agents map[string]Settings // of the agents, by id, that are treated otherwise

	Observer Observer // nil: nobody watches
	Voice    Voice    // nil: texts are refused
}

// Observer is told what becomes of calls, to count it. Its methods may be called
// concurrently and do not block. Agents are ids.
type Observer interface {
	CallBegan(agent string)
	CallEnded(agent string, end CallEnd)
	// TurnEnded says how long after the end of the caller's input the first of the
	// bot's audio was handed to Webex: 0 if it was before that, negative if none was.
	TurnEnded(agent string, how TurnEnd, firstAudio time.Duration)
	// FellBack says that the fallback took a call, for one of few constant reasons.
	FellBack(agent, reason string)
	// Measured brings numbers of the bot's own; see the command of that name.
	Measured(agent string, values map[string]float64)
	// Resumed says that a call goes on in another process, and how long after it was
	// lost or suspended that one was sent its first event.
	Resumed(agent string, cause ResumeCause, pause time.Duration)
}

// CallEnd is what is known of a call at its end.
type CallEnd struct {
	Reason       EndReason
	LateCommands int   // of the bot, that came after their turn
	Unplayed     int   // bytes of the bot's audio that nobody will hear
	Unheard      int64 // bytes of the caller's audio that the bot did not take
}

// unwatched is for sessions that nobody observes.
type unwatched struct{}

func (unwatched) CallBegan(string)                           {}
func (unwatched) CallEnded(string, CallEnd)                  {}
func (unwatched) TurnEnded(string, TurnEnd, time.Duration)   {}
func (unwatched) FellBack(string, string)                    {}
func (unwatched) Measured(string, map[string]float64)        {}
func (unwatched) Resumed(string, ResumeCause, time.Duration) {}

// observer is whoever watches.
func (c Config) observer() Observer {
	if c.Observer == nil {
		return unwatched{}
	}
	return c.Observer
}

// Settings say how an agent's calls are treated. A zero field means zero: begin
// with DefaultSettings.
type Settings struct {
	Answers          AnswerMode
	GreetingBargeIn  bool           // whether the caller's input may cut the greeting
	EndOfInput       EndOfInputTime // when END_OF_INPUT is sent
	PartialResponses bool           // PARTIAL where Webex allows it: a filler before a WAV answer

	Input       InputConfig   // until the bot says otherwise
	SpeechStart time.Duration // a sound must last longer to be the start of speech

	NoInputBackstop time.Duration // after Input.NoInput, when Webex has not reported it; 0: never
	Texts           TextMode
	Language        string // of texts, instead of the caller's; empty: that
	VoiceName       string // that speaks them; empty: the engine's own
	Unspoken        []byte // mu-law, 8 kHz; played instead of a text that cannot be spoken

	FillerAfter  time.Duration // of waiting for an answer; 0: never
	Filler       []byte        // mu-law, 8 kHz; played once while the bot thinks
	AnswerWithin time.Duration // longest silence of a bot that owes an answer
	AnswerLimit  time.Duration // longest answer
	MaxDuration  time.Duration // longest call; 0: no limit
	Fallback     Fallback
}

// AnswerMode says how prompts are sent. It never changes within a call.
type AnswerMode uint8

// The modes of answers.
const (
	Chunks AnswerMode = iota // as they come, without headers
	WAV                      // one FINAL with all prompts of the answer as WAV files
)

// EndOfInputTime says when Webex is told that the caller's input has ended.
type EndOfInputTime uint8

// The times of END_OF_INPUT.
const (
	AtSilence  EndOfInputTime = iota // when silence is found
	WithAnswer                       // when the answer begins, so that the caller may add to what was said
)

// Fallback is what becomes of a call whose bot cannot go on.
type Fallback struct {
	Action   FallbackAction
	Name     string         // of the event
	Metadata map[string]any // beside "reason"
	Prompt   []byte         // mu-law, 8 kHz; played first; empty plays nothing
}

// FallbackAction is how a fallback ends the bot's part of the call.
type FallbackAction uint8

// The actions of a fallback.
const (
	FallbackTransfer FallbackAction = iota // hand over to a human
	FallbackEnd                            // end the session
	FallbackCustom                         // a custom event that the flow knows
	FallbackError                          // an error status, so that the flow's error branch runs
)

// DefaultInput is how input is taken until a bot says otherwise.
func DefaultInput() InputConfig {
	return InputConfig{
		DTMFLength: 20,
		InterDigit: 3 * time.Second,
		Terminator: '#',
		NoInput:    5 * time.Second,
		EndSilence: 500 * time.Millisecond,
		MaxSpeech:  30 * time.Second,
	}
}

// DefaultSettings are those of an agent that nothing is said of.
func DefaultSettings() Settings {
	return Settings{
		GreetingBargeIn: true,
		Input:           DefaultInput(),
		SpeechStart:     40 * time.Millisecond,
		NoInputBackstop: 1500 * time.Millisecond,
		FillerAfter:     2 * time.Second,
		Filler:          defaultFiller(),
		Unspoken:        defaultUnspoken(),
		AnswerWithin:    30 * time.Second,
		AnswerLimit:     5 * time.Minute,
		MaxDuration:     time.Hour,
		Fallback:        Fallback{Name: "bot_failed", Prompt: defaultFallback()},
	}
}
