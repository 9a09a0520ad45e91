package caller

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// Servers that mistreat RPCs which overlap, come again, or come another way.

func inputIsNoInput(m *in) bool {
	return m.GetEventInput().GetEventType() == mediav1.EventInput_NO_INPUT
}
func inputIsCustom(m *in) bool {
	return m.GetEventInput().GetEventType() == mediav1.EventInput_CUSTOM_EVENT
}

// slowly takes 200 ms before each chunk of the greeting.
func slowly(role string, m *out) []*out {
	if role == "greeting chunk" {
		time.Sleep(200 * time.Millisecond)
	}
	return []*out{m}
}

// refusesOverlap knows one RPC of a conversation at a time.
func refusesOverlap() *server {
	s := &server{bargeIn: true, greeting: tone(time.Second, 440), tweak: slowly}
	var open atomic.Int32
	s.serve = func(first *in, stream serverStream) (bool, error) {
		defer open.Add(-1)
		if open.Add(1) > 1 && inputIsAudio(first) {
			return true, status.Error(codes.AlreadyExists, "one at a time")
		}
		return true, s.act(first, stream)
	}
	return s
}

// forgets ends the greeting when the next RPC comes.
func forgets() *server {
	var next atomic.Bool
	return &server{bargeIn: true, serve: func(first *in, stream serverStream) (bool, error) {
		if inputIsAudio(first) {
			next.Store(true)
		}
		if !inputIsSessionStart(first) {
			return false, nil
		}
		if err := drain(stream); err != nil {
			return true, err
		}
		if err := stream.Send(chunkOf(hello[:1600], true)); err != nil {
			return true, err
		}
		for !next.Load() && stream.Context().Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		return true, nil
	}}
}

// hearsAfter says START_OF_INPUT on the first RPC with audio after so many
// messages of silence.
func hearsAfter(messages int) serveFunc {
	return once(func(_ *in, s serverStream) (bool, error) {
		for i := 0; ; i++ {
			if _, err := s.Recv(); err == io.EOF {
				return true, nil
			} else if err != nil {
				return true, err
			}
			if i == messages {
				if err := s.Send(event(mediav1.OutputEvent_START_OF_INPUT)); err != nil {
					return true, err
				}
			}
		}
	})
}

// repromptsAfter speaks on the first RPC with audio after so many messages of
// silence.
func repromptsAfter(messages int) serveFunc {
	return once(func(_ *in, s serverStream) (bool, error) {
		for range messages {
			if _, err := s.Recv(); err != nil {
				return true, nil
			}
		}
		if err := s.Send(chunkOf(hello[:1600], true)); err != nil {
			return true, err
		}
		return true, s.Send((&server{}).final())
	})
}

func wantsFormat(first *in, s serverStream) (bool, error) {
	a := first.GetAudioInput()
	return a != nil && a.GetSampleRateHertz() == 0, status.Error(codes.InvalidArgument, "no sample rate")
}

// hearsKeys makes an utterance of the audio before START_OF_DTMF.
func hearsKeys(first *in, s serverStream) (bool, error) {
	if !inputIsAudio(first) {
		return false, nil
	}
	for {
		m, err := s.Recv()
		if err != nil {
			return true, nil
		}
		if inputIsStartOfDTMF(m) {
			return true, s.Send(event(mediav1.OutputEvent_END_OF_INPUT))
		}
	}
}

// diesWithOne knows the conversation no longer once an RPC was cancelled.
func diesWithOne() *server {
	s := &server{}
	var dead atomic.Bool
	s.serve = func(first *in, stream serverStream) (bool, error) {
		if dead.Load() && !inputIsSessionEnd(first) {
			return true, status.Error(codes.NotFound, "no such conversation")
		}
		err := s.act(first, stream)
		if stream.Context().Err() != nil {
			dead.Store(true)
		}
		return true, err
	}
	return s
}

// oneConnection keeps a conversation with the connection on which it began.
func oneConnection() serveFunc {
	var began sync.Map
	return func(first *in, s serverStream) (bool, error) {
		on, _ := began.LoadOrStore(first.GetConversationId(), s.Context().Value(connectionKey{}))
		strange := on != s.Context().Value(connectionKey{})
		return strange && !inputIsSessionEnd(first), status.Error(codes.FailedPrecondition, "no session")
	}
}

func refuses(which func(*in) bool) serveFunc {
	return func(first *in, _ serverStream) (bool, error) {
		return which(first), status.Error(codes.FailedPrecondition, "not now")
	}
}
