package session

import (
	"context"
	"errors"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// Agents are the virtual agents that answer calls: plugins, or a value in memory.
type Agents interface {
	// Open gives a call to the named agent; empty names the default one. The
	// sink gets the agent's commands from then on. ErrUnknownAgent and
	// ErrAgentUnavailable, wrapped, say why not.
	Open(ctx context.Context, org, agent string, sink Sink) (AgentCall, error)
	// List tells what an organisation may choose from; at most one is the default.
	List(ctx context.Context, org string) ([]AgentInfo, error)
}

// AgentInfo is a virtual agent as an administrator sees it.
type AgentInfo struct {
	ID         string
	Name       string
	Attributes map[string]string
	Default    bool // takes the calls that name none
}

// Sink takes what an agent wants done in a call. No method blocks. The session may act
// at once, in the goroutine that calls: call none with a lock that a method of AgentCall
// takes.
type Sink interface {
	Command(Command)
	// Lost says that the agent's process is gone; no command follows. An error
	// that wraps ErrNoResume says that the call must not go to another one, and one
	// that wraps ErrOtherCall that it has no part in what the process died of.
	Lost(error)
	// Move asks that the call go to the process that takes over, as soon as it is
	// between two turns; reads tells which versions of state that process reads.
	Move(reads func(version uint32) bool)
}

// AgentCall is a call at its agent. No method blocks.
type AgentCall interface {
	// Agent is the id of the agent that took the call.
	Agent() string
	Traits() Traits
	// Send delivers an event. An error says that the call cannot go on. What is
	// sent to a process that is gone is dropped without one: Lost says so.
	Send(Event) error
	// AudioLost is how many bytes of caller audio the agent did not take in time.
	AudioLost() int64
	// Close ends the agent's part after the events sent so far. Commands may
	// still arrive for a moment.
	Close(EndReason)
	// Resume opens the call at the process that takes the place of this one, which
	// is lost or has suspended the call, and closes it here, whether it succeeds or
	// not. It waits for that process until the agents' patience or ctx ends.
	Resume(ctx context.Context, r Resumption, sink Sink) (AgentCall, error)
	// Settled says that the turn with which the call was resumed is out of danger.
	Settled()
}

// Resumption says what a call brings to the process that it is resumed at.
type Resumption struct {
	State State
	// Suspect is how often the turn that is open was tried when its process died;
	// 0 when none is.
	Suspect int
	// Sudden says that more than one process in a row died as soon as it was told of
	// the call.
	Sudden bool
}

// State is what an agent saved of a call. The zero one is none.
type State struct {
	Data    []byte // at most MaxState bytes
	Version uint32
}

// MaxState is the longest state, in bytes.
const MaxState = 64 << 10

// Traits are what an agent wants of a call's audio.
type Traits struct {
	Audio AudioWanted
	// OwnEndpointing: the agent finds speech itself and says so by Endpoint.
	OwnEndpointing bool
	// Resume says what becomes of a call whose process is gone.
	Resume Resume
	// Movable: the call may go to another process while this one lives.
	Movable bool
}

// Resume says what becomes of a call whose process is gone.
type Resume uint8

// What may become of it.
const (
	ResumeNone      Resume = iota // the fallback takes it
	ResumeStateless               // it goes on, with nothing handed over
	ResumeSaved                   // it goes on with its last saved state
	ResumeReconnect               // it goes on and reconnects what it held
)

// AudioWanted says which caller audio an agent gets.
type AudioWanted uint8

// The choices of caller audio.
const (
	Utterances AudioWanted = iota // from just before speech to the end of input
	AllAudio                      // silence included
	NoAudio
)

// Why a call cannot be taken, or is not known.
var (
	ErrUnknownAgent     = errors.New("unknown virtual agent")
	ErrAgentUnavailable = errors.New("virtual agent unavailable")
	ErrOtherCall        = errors.New("another call is to blame")
	ErrNoResume         = errors.New("the call cannot go on in another process")
	ErrAgentChanged     = errors.New("virtual agent changed within a conversation")
	ErrBadRequest       = errors.New("bad request")
	ErrFull             = errors.New("no free slot")
	ErrDraining         = errors.New("the host is shutting down")
	ErrTooManyRPCs      = errors.New("too many open RPCs in one conversation")
	ErrNoSession        = errors.New("no session")
	ErrBotFailed        = errors.New("the bot failed")
	ErrStopped          = errors.New("the host has stopped")
)

// Event is something an agent learns about a call.
type Event struct {
	Seq      uint64        // counts from 1 in each session
	At       time.Duration // since the session began; for audio its first sample
	Replayed bool          // an earlier process of this session was sent it, too
	Body     EventBody
}

// EventBody is one of the event types below.
type EventBody interface{ eventBody() }

// The events of a call, in the order in which a simple one sees them.
type (
	// Started is a call's first event.
	Started struct {
		SessionID    string
		Key          Key
		Agent        string
		VendorConfig string
		Additional   map[string]string
		Parameters   map[string]any
		Language     string
		Format       audio.Format // of the caller's audio until FormatChanged
		Credit       int          // bytes of audio the agent may send before more is granted
		Resumed      *Resumed     // nil for a call that begins
	}
	// Resumed says what a call brings along that is older than its agent's process,
	// or than this session.
	Resumed struct {
		Cause           ResumeCause
		State           State
		AfterSeq        uint64 // the last event that the earlier process was sent
		Attempt         int    // 1, or 2 and more when its process died in this turn
		InterruptedTurn uint64 // still open, its answer had partly left; 0 for none
		Prompts         uint64 // the highest number of a prompt so far
		InFlight        uint64 // the prompt that is playing or on its way; 0 for none
		Sent, Left      time.Duration
	}
	// TurnStarted opens a turn: the caller's input and the answer to it.
	TurnStarted struct {
		Turn     uint64
		Attempt  int // 1, and more when it comes again
		Cause    TurnCause
		SpeechAt time.Duration // BySpeech: where speech began
		AnswerBy time.Duration // 0 while input goes on
	}
	// CallerAudio is the caller's sound, in the format last announced.
	CallerAudio struct{ Data []byte }
	// FormatChanged announces the format of the audio that follows.
	FormatChanged struct{ Format audio.Format }
	// InputEnded says that a turn's input is complete.
	InputEnded struct {
		Turn      uint64
		SpeechEnd time.Duration // BySpeech: where speech ended
		AnswerBy  time.Duration
	}
	// DTMFStarted says that the first key of an entry was pressed.
	DTMFStarted struct{}
	// DTMFEntry is a complete entry without its terminator.
	DTMFEntry struct {
		Turn      uint64
		Digits    string
		Sensitive bool
	}
	// NoInput counts silences in a row.
	NoInput struct {
		Turn  uint64
		Count int
	}
	// CustomEvent came from the flow.
	CustomEvent struct {
		Turn       uint64
		Name       string
		Parameters map[string]any
	}
	// BargedIn says that the caller's input cut what was playing.
	BargedIn struct {
		Turn   uint64 // the turn that was being answered, or 0
		Prompt uint64 // the prompt that was playing, or 0
		Heard  time.Duration
	}
	// PromptDone says that a prompt has probably been played to its end.
	PromptDone struct{ Prompt uint64 }
	// Credit allows that many more bytes of audio.
	Credit struct{ Bytes int }
	// Refused answers a command that was not carried out.
	Refused struct {
		Ref     uint64
		Command string
		Message string
	}
	// TurnEnded closes a turn.
	TurnEnded struct {
		Turn   uint64
		Reason TurnEnd
	}
	// Suspend asks the agent to give the call back, to be moved: it answers
	// Suspended or Declined.
	Suspend struct{ By time.Duration }
	// Ended is a call's last event.
	Ended struct {
		Reason EndReason
		Detail string
	}
)

func (Started) eventBody()       {}
func (TurnStarted) eventBody()   {}
func (CallerAudio) eventBody()   {}
func (FormatChanged) eventBody() {}
func (InputEnded) eventBody()    {}
func (DTMFStarted) eventBody()   {}
func (DTMFEntry) eventBody()     {}
func (NoInput) eventBody()       {}
func (CustomEvent) eventBody()   {}
func (BargedIn) eventBody()      {}
func (PromptDone) eventBody()    {}
func (Credit) eventBody()        {}
func (Refused) eventBody()       {}
func (TurnEnded) eventBody()     {}
func (Suspend) eventBody()       {}
func (Ended) eventBody()         {}

// TurnCause says which input opened a turn.
type TurnCause uint8

// The causes of a turn.
const (
	_ TurnCause = iota
	ByStart
	BySpeech
	ByDTMF
	ByNoInput
	ByCustom
)

// TurnEnd says how a turn closed. It closes once.
type TurnEnd uint8

// The ends of a turn.
const (
	_ TurnEnd = iota
	Answered
	Interrupted
	Failed
)

// ResumeCause says why a call came to another process.
type ResumeCause uint8

// The causes.
const (
	_             ResumeCause = iota
	ByTakeover                // the call was moved
	ByCrash                   // its process died
	ByUnknownCall             // this host did not see it begin
)

// String gives the word used in logs.
func (c ResumeCause) String() string {
	return [...]string{"unknown", "moved", "crash", "unknown call"}[c]
}

// EndReason says why a session ended, or an agent's part in it.
type EndReason uint8

// The ends of a session.
const (
	_ EndReason = iota
	EndedByCaller
	EndedByBot
	EndedGone     // nothing more was heard of the call
	EndedFailed   // the bot failed and the fallback took over
	EndedShutdown // the host stopped
	EndedMoved    // the agent's part goes on in another process
)

// String gives the word used in logs.
func (r EndReason) String() string {
	return [...]string{"unknown", "caller", "bot", "gone", "failed", "shutdown", "moved"}[r]
}

// Command is something an agent wants done.
type Command struct {
	Turn   uint64 // 0 for none; a command of a closed turn is dropped
	Prompt uint64 // the agent's own counter, from 1
	Ref    uint64 // named by Refused; 0 for none
	Body   CommandBody
}

// CommandBody is one of the command types below.
type CommandBody interface{ commandBody() }

// The commands of an agent.
type (
	// Accepted takes the call.
	Accepted struct{}
	// StartPrompt begins a prompt, whose audio follows under the same number.
	StartPrompt struct {
		Format        audio.Format
		BargeIn       bool
		Text          string // spoken by the host; no audio follows then
		Language      string // of the text; empty: the call's
		HoldUntilDone bool
	}
	// PromptAudio is a piece of the prompt's audio; End says that it was the last.
	PromptAudio struct {
		Data []byte
		End  bool
	}
	// Done ends the answer to the turn.
	Done struct {
		Event OutputEvent // NoEvent; or NoMatch or NoInputEvent, with which a flow may leave the bot
	}
	// SetInput changes how the next input is taken; zero fields stay as they are.
	SetInput struct {
		Mode         *InputMode
		DTMFLength   int
		InterDigit   time.Duration
		Terminator   string // a key, or "none"
		NoInput      time.Duration
		EndSilence   time.Duration
		MaxSpeech    time.Duration
		Sensitive    bool
		HasOtherWish bool // something that this host cannot set
	}
	// Clear drops what has not left of a prompt; of all when the prompt is 0.
	Clear struct{}
	// Leave ends the agent's part of the call after what was played.
	Leave struct {
		Event      OutputEvent // TransferToAgent, EndSession or CustomOutput
		Name       string
		Metadata   map[string]any
		Transcript string
		Summary    string
	}
	// Endpoint reports speech by an agent that does its own endpointing.
	Endpoint struct {
		End bool
		At  time.Duration
	}
	// SetEndpointing says who finds speech from now on: the agent, or the host.
	SetEndpointing struct{ Own bool }
	// Measured are numbers of the agent's own. Names that end in "_total" are added
	// up, those in "_seconds" go into a histogram.
	Measured struct{ Values map[string]float64 }
	// SaveState keeps a state for the next process of this call. That of an open
	// turn counts once something of its answer has left or it is closed.
	SaveState struct{ State State }
	// Suspended gives the call back to be moved; a zero State means the one that
	// was saved last.
	Suspended struct{ State State }
	// Declined keeps the call where it is until it ends.
	Declined struct{ Reason string }
	// GiveUp says that the agent cannot go on with this call.
	GiveUp struct {
		Message string
		Stack   string
	}
	// Unknown is a command that this host does not carry out.
	Unknown struct{ Name string }
)

func (Accepted) commandBody()       {}
func (StartPrompt) commandBody()    {}
func (PromptAudio) commandBody()    {}
func (Done) commandBody()           {}
func (SetInput) commandBody()       {}
func (Clear) commandBody()          {}
func (Leave) commandBody()          {}
func (Endpoint) commandBody()       {}
func (SetEndpointing) commandBody() {}
func (Measured) commandBody()       {}
func (SaveState) commandBody()      {}
func (Suspended) commandBody()      {}
func (Declined) commandBody()       {}
func (GiveUp) commandBody()         {}
func (Unknown) commandBody()        {}
