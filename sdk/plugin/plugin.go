package plugin

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// sdkVersion is what the host's log shows of this package.
const sdkVersion = "byova-host/sdk/plugin 0.1.0"

// Handler is a bot's part in a call: a HandlerFunc, what Turns makes, Events, a CallFunc,
// or a type of your own. ServeCall is called once for each call, and
// for many calls at the same time. Ctx ends, with ErrCallEnded as its cause, when
// the call does. An error that is returned while the call is up, or a panic, makes
// the host take over the call; so does returning nil before the call was ended or
// transferred.
type Handler interface {
	// ServeCall serves a call to its end.
	ServeCall(ctx context.Context, call *Call) error
}

// CallFunc is a Handler made of one function, which reads the call's events
// itself, with Call.Next, and is called as Handler says. It gets all of the caller's audio
// unless Plugin.Audio says otherwise.
type CallFunc func(ctx context.Context, call *Call) error

// ServeCall calls f.
func (f CallFunc) ServeCall(ctx context.Context, call *Call) error { return f(ctx, call) }

// Agent is a virtual agent as an administrator sees it in Control Hub.
type Agent struct {
	ID         string            // its name in routing and Info.Agent; one host knows it once
	Name       string            // what the administrator reads; empty means ID
	Attributes map[string]string // passed on to Webex as they are; may be nil
}

// AudioWanted says how much of the caller's audio a plugin gets. The zero AudioWanted is
// AudioAuto.
type AudioWanted int

// How much of the caller's audio a plugin gets.
const (
	// AudioAuto is AudioUtterances for turn functions and for Events without
	// AudioInput, and AudioAll for the others, also for a Handler of your own that
	// calls one of those.
	AudioAuto AudioWanted = iota
	// AudioUtterances is from just before speech begins to the end of input.
	AudioUtterances
	// AudioAll has silence as well.
	AudioAll
	// AudioNone suits bots that only take keys: a turn of speech has no Utterance then.
	AudioNone
)

// Endpointing says who finds the start and end of speech. The zero Endpointing is
// HostEndpointing.
type Endpointing int

// Who finds the start and end of speech.
const (
	// HostEndpointing is the host's own detector.
	HostEndpointing Endpointing = iota
	// PluginEndpointing makes it the plugin's task, with Call.Endpoint. It wants AudioAll.
	PluginEndpointing
)

// Plugin is a bot with all there is to say about it. Only Handler is needed; what is left
// zero means what its comment says. Do not change it while it is served.
type Plugin struct {
	// Name is shown in logs; empty means the name that the host knows the plugin by,
	// which is the same after a swap to another file, or the program's by hand.
	Name string
	// Version is shown in logs and lists, as it is; empty shows none.
	Version string
	// Agents are the virtual agents that this plugin serves for everybody; empty
	// means one whose ID is Name. Call.Info tells which one was called.
	Agents []Agent
	// ListAgents, if set, is asked instead of Agents. An empty org asks for the
	// agents that every organisation may use. It may be called concurrently, and while
	// calls are up. An error is logged, and that organisation gets no agents of the
	// plugin; one for the empty org keeps the plugin from starting.
	ListAgents func(ctx context.Context, org string) ([]Agent, error)
	// Configure, if set, gets the plugin's settings, once, before any call. What
	// it returns keeps the plugin from starting; see FieldError. A plugin without
	// it takes no settings: one in the host's file is an error.
	Configure func(ctx context.Context, settings Settings) error
	// Audio says how much of the caller's audio is wanted; zero is AudioAuto.
	Audio AudioWanted
	// Endpointing says who finds the start and end of speech; zero is the host. See
	// Call.SetEndpointing for bots that know only with the call.
	Endpointing Endpointing
	// Resume says what becomes of a call whose process dies or is swapped; zero is
	// ResumeAuto.
	Resume Resume
	// StateVersion is the version of the states that this plugin saves, and
	// ReadsStateVersions are the others that it reads. A call goes only to a process
	// that reads its state. Zero is a version like any other.
	StateVersion       uint32
	ReadsStateVersions []uint32
	// Immovable keeps calls that are ResumeStateless or ResumeSaved in their process
	// for as long as it lives: a swap waits for their end.
	Immovable bool
	// Suspend, if set, is asked before a call is moved to another process, once its
	// handler has handled all events before. It may save the state a last time, but
	// not call Call.Next, and has 2 s. An error keeps the call here and says why; so does
	// a panic. It may be called concurrently, for calls of their own.
	Suspend func(ctx context.Context, call *Call) error
	// Handler takes the calls. Serve panics without one.
	Handler Handler
}

// Serve serves h with the defaults of Plugin until the host ends the process. It
// is the last statement of main; see Plugin.Serve.
func Serve(h Handler) { Plugin{Handler: h}.Serve() }

// withDefaults fills in what was left out.
func (p Plugin) withDefaults() Plugin {
	if p.Handler == nil {
		panic("plugin: Plugin.Handler is nil")
	}
	if p.Name == "" {
		p.Name = os.Getenv(wire.NameEnv)
	}
	if p.Name == "" { // nobody started it but a person
		p.Name = strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	}
	if len(p.Agents) == 0 {
		p.Agents = []Agent{{ID: p.Name}}
	}
	if p.Audio == AudioAuto {
		p.Audio = wantedBy(p.Handler)
	}
	if p.Resume == ResumeAuto {
		p.Resume = resumeOf(p.Handler)
	}
	return p
}

func wantedBy(h Handler) AudioWanted {
	switch h := h.(type) {
	case HandlerFunc, turns:
		return AudioUtterances
	case Events:
		return h.wanted()
	case *Events:
		return h.wanted()
	default:
		return AudioAll
	}
}

func resumeOf(h Handler) Resume {
	if _, ok := h.(HandlerFunc); ok {
		// A turn function has nothing of a call but the turn: any process can
		// answer the next one.
		return ResumeStateless
	}
	return ResumeNone
}

func (p Plugin) describe() *pluginv1.DescribeResponse {
	return &pluginv1.DescribeResponse{
		Name:               p.Name,
		Version:            p.Version,
		Sdk:                sdkVersion,
		StateVersion:       p.StateVersion,
		ReadsStateVersions: p.reads(),
		Resume:             pluginv1.DescribeResponse_Resume(p.Resume - ResumeNone),
		Movable:            p.movable(),
		Endpointing:        pluginv1.DescribeResponse_Endpointing(p.Endpointing),
		Audio:              pluginv1.DescribeResponse_AudioWanted(p.Audio - AudioUtterances),
	}
}

func (p Plugin) listAgents(ctx context.Context, org string) ([]*pluginv1.Agent, error) {
	agents := p.Agents
	if p.ListAgents != nil {
		var err error
		if agents, err = p.ListAgents(ctx, org); err != nil {
			return nil, err
		}
	}
	list := make([]*pluginv1.Agent, len(agents))
	for i, a := range agents {
		name := a.Name
		if name == "" {
			name = a.ID
		}
		list[i] = &pluginv1.Agent{Id: a.ID, Name: name, Attributes: a.Attributes}
	}
	return list, nil
}
