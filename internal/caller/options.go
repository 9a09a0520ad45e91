package caller

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
)

// Defaults of Options.
const (
	DefaultAddr  = "127.0.0.1:50051"
	DefaultOrg   = "00000000-0000-4000-8000-00000000d3e0" // an organisation that cannot exist
	DefaultLimit = 60 * time.Second
)

// Options describes one call. The zero value of a field means its default.
type Options struct {
	Addr string            // host:port; default DefaultAddr
	TLS  *tls.Config       // nil: without TLS
	Dial []grpc.DialOption // further options of the connection, for tests

	Agent          string // virtual agent; empty asks for the default one
	Org            string // default DefaultOrg
	ConversationID string // default a random UUID
	Language       string // default en-US
	// Parameters are those of SESSION_START, as structpb takes them.
	Parameters map[string]any

	// Token gives the data source token of one RPC; nil sends none. It is
	// asked for each RPC because tokens rotate during calls.
	Token func(context.Context) (string, error)

	Steps  []Step
	Live   <-chan Step // further steps, as somebody thinks of them, until it is closed; may be nil
	Script string      // name of the script that the steps are from, for messages

	Connections int        // that the RPCs of the call take in turn; default 1
	Start       Start      // how the conversation begins
	Listen      Listen     // when the next listening RPC opens
	DTMFStart   DTMFStart  // where the first key of an entry is announced
	NoInputOn   NoInputRPC // where NO_INPUT is sent

	FrameMillis    int           // caller audio in one message, 10 to 200 ms; default 20
	LineNoise      int           // peak of the noise on a silent line, in 16-bit steps; default 8, negative none
	OmitFormat     bool          // leave encoding and rate unset in audio, as Webex may
	AllowPartial   bool          // tell the server that PARTIAL answers are welcome
	KeepTerminator bool          // include the key that ends an entry in dtmf_input
	Cancel         bool          // at hang-up cancel the open RPCs instead of half-closing them
	EndAfterFinish bool          // send SESSION_END also after the server ended the call
	KeyGap         time.Duration // between two keys pressed; default 200 ms
	Pause          time.Duration // between an answer and what the caller does next; default 500 ms
	Limit          time.Duration // of the whole call; default DefaultLimit
	Limits         Limits        // of what the server takes

	Record bool        // make Result.Recording
	Log    func(Entry) // told of each entry as it happens, by the goroutine of Run; may be nil

	clock func(late time.Duration) // told of each frame of the caller's line, how late it is; may be nil
	still [][]byte                 // of stillLine, for many calls; nil: made for this one
}

// maxConnections bounds Options.Connections.
const maxConnections = 8

// Start says how a conversation begins.
type Start int

// The ways to begin.
const (
	WithSessionStart Start = iota
	WithoutStart           // the first RPC listens, as after a host was replaced
)

// Listen says when the next listening RPC opens while an answer is sent.
type Listen int

// The times at which Webex may begin to listen.
const (
	AfterFirstPrompt Listen = iota // once a prompt of the answer allows barge-in
	Early                          // at once, before the answer begins
)

// DTMFStart says where the first key of an entry is announced.
type DTMFStart int

// The ways to announce the first key.
const (
	OnListening DTMFStart = iota // on the open listening RPC, or on one of its own
	OnItsOwn                     // always on one of its own
	Unannounced                  // not at all
)

// NoInputRPC says where NO_INPUT is sent.
type NoInputRPC int

// The RPCs for NO_INPUT.
const (
	OnOpenRPC NoInputRPC = iota // the open listening RPC, or a new one
	OnNewRPC                    // always a new one
)

// Limits are the times a server is judged by. Zero means the default. Webex
// publishes none of them: what is late is a warning, and what callers cannot talk to
// breaks a rule.
type Limits struct {
	StartMax      time.Duration // from the onset of speech to START_OF_INPUT, a warning; default 400 ms
	StartLast     time.Duration // the same, broken; default 2 s
	EndMax        time.Duration // from the end of speech to END_OF_INPUT, a warning; default 1 s
	EndLast       time.Duration // the same, broken; default 5 s
	FirstResponse time.Duration // from the end of the input to the first answer, a warning; default 2 s
	Interrupted   time.Duration // from an interruption to the completion of that answer; default 2 s
	Complete      time.Duration // from the half-close or the last message to completion; default 40 s
	AllowPartial  bool          // PARTIAL answers were asked for; Run sets it
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.StartMax, 400*time.Millisecond)
	setDefault(&l.StartLast, 2*time.Second)
	setDefault(&l.EndMax, time.Second)
	setDefault(&l.EndLast, 5*time.Second)
	setDefault(&l.FirstResponse, 2*time.Second)
	setDefault(&l.Interrupted, 2*time.Second)
	setDefault(&l.Complete, 40*time.Second)
	return l
}

func setDefault[T comparable](field *T, value T) {
	if *field == *new(T) {
		*field = value
	}
}

// withDefaults fills o in and says what cannot be used.
func (o Options) withDefaults() (Options, error) {
	setDefault(&o.Addr, DefaultAddr)
	setDefault(&o.Org, DefaultOrg)
	if o.ConversationID == "" {
		o.ConversationID = NewConversationID()
	}
	setDefault(&o.Language, "en-US")
	setDefault(&o.Connections, 1)
	setDefault(&o.FrameMillis, 20)
	setDefault(&o.LineNoise, 8)
	setDefault(&o.KeyGap, 200*time.Millisecond)
	setDefault(&o.Pause, 500*time.Millisecond)
	setDefault(&o.Limit, DefaultLimit)
	o.Limits = o.Limits.withDefaults()
	o.Limits.AllowPartial = o.AllowPartial
	if o.Log == nil {
		o.Log = func(Entry) {}
	}
	if o.FrameMillis < 10 || o.FrameMillis > 200 {
		return o, fmt.Errorf("frame of %d ms is outside 10 to 200", o.FrameMillis)
	}
	if o.Connections < 1 || o.Connections > maxConnections {
		return o, fmt.Errorf("%d connections, want 1 to %d", o.Connections, maxConnections)
	}
	if _, err := structpb.NewStruct(o.Parameters); err != nil {
		return o, fmt.Errorf("parameters of the call: %w", err)
	}
	if o.KeyGap < 0 || o.Pause < 0 || o.Limit < 0 {
		return o, errors.New("a time of the call is negative")
	}
	for i, step := range o.Steps {
		if err := step.validate(); err != nil {
			return o, fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return o, nil
}

func (o Options) frame() time.Duration { return time.Duration(o.FrameMillis) * time.Millisecond }

// Validate says what cannot be used, without placing a call.
func (o Options) Validate() error {
	_, err := o.withDefaults()
	return err
}

// dialAll makes the connections of a call. On error it closes them again.
func (o Options) dialAll() (conns []*grpc.ClientConn, err error) {
	for range o.Connections {
		conn, err := o.dial()
		if err != nil {
			closeAll(conns)
			return nil, err
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

func closeAll(conns []*grpc.ClientConn) {
	for _, conn := range conns {
		conn.Close()
	}
}

// dial makes a connection; nothing is sent before it is used.
func (o Options) dial() (*grpc.ClientConn, error) {
	creds := insecure.NewCredentials()
	if o.TLS != nil {
		creds = credentials.NewTLS(o.TLS)
	}
	options := append([]grpc.DialOption{grpc.WithTransportCredentials(creds), grpc.WithDisableServiceConfig()}, o.Dial...)
	conn, err := grpc.NewClient(o.Addr, options...)
	if err != nil {
		return nil, fmt.Errorf("use address %q: %w", o.Addr, err)
	}
	return conn, nil
}

// NewConversationID is a random (version 4) UUID, which is what Webex uses as ids.
func NewConversationID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
