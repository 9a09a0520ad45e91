package caller

import (
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/byova-host/byova-host/internal/audio"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

var (
	telephone = audio.Telephone
	linear16k = audio.Format{Encoding: audio.Linear16, Rate: 16000}
)

// serveFunc takes an RPC away from the well-behaved server when it reports
// true.
type serveFunc = func(first *in, s serverStream) (bool, error)

func inputIsAudio(m *in) bool { return m.GetAudioInput() != nil }
func inputIsKeys(m *in) bool  { return m.GetDtmfInput() != nil }
func inputIsStartOfDTMF(m *in) bool {
	return m.GetEventInput().GetEventType() == mediav1.EventInput_START_OF_DTMF
}
func inputIsSessionStart(m *in) bool {
	return m.GetEventInput().GetEventType() == mediav1.EventInput_SESSION_START
}
func inputIsSessionEnd(m *in) bool {
	return m.GetEventInput().GetEventType() == mediav1.EventInput_SESSION_END
}

func fails(which func(*in) bool) serveFunc {
	return func(first *in, _ serverStream) (bool, error) {
		return which(first), status.Error(codes.Internal, "out of order")
	}
}

// completes ends the RPC when the caller half-closes it, or at once while
// audio comes, without a word.
func completes(which func(*in) bool) serveFunc {
	return func(first *in, s serverStream) (bool, error) {
		if !which(first) {
			return false, nil
		}
		if inputIsAudio(first) {
			return true, nil
		}
		return true, drain(s)
	}
}

// once lets only the first RPC through that serve takes.
func once(serve serveFunc) serveFunc {
	var used atomic.Bool
	return func(first *in, s serverStream) (bool, error) {
		if !inputIsAudio(first) || used.Swap(true) {
			return false, nil
		}
		return serve(first, s)
	}
}

// hangs neither reads nor answers. START_OF_DTMF is on the listening RPC,
// where it comes after audio.
func hangs(which func(*in) bool) serveFunc {
	return func(first *in, s serverStream) (bool, error) {
		if which(first) {
			<-s.Context().Done()
			return true, nil
		}
		if !inputIsAudio(first) {
			return false, nil
		}
		for {
			m, err := s.Recv()
			if err != nil {
				return true, nil
			}
			if which(m) {
				<-s.Context().Done()
				return true, nil
			}
		}
	}
}

func greetsAtOnce(first *in, s serverStream) (bool, error) {
	if !inputIsSessionStart(first) {
		return false, nil
	}
	behaved := &server{}
	if err := s.Send(chunkOf(hello[:800], false)); err != nil {
		return true, err
	}
	if err := drain(s); err != nil {
		return true, err
	}
	return true, s.Send(behaved.final())
}

// greetsLate says nothing on the first RPC and greets on the second.
func greetsLate(first *in, s serverStream) (bool, error) {
	behaved := &server{}
	switch {
	case inputIsSessionStart(first):
		if err := drain(s); err != nil {
			return true, err
		}
		return true, s.Send(behaved.final())
	case inputIsAudio(first):
		if err := s.Send(chunkOf(hello[:1600], false)); err != nil {
			return true, err
		}
		return true, behaved.listen(first, s)
	}
	return false, nil
}

func startsOnSilence(first *in, s serverStream) (bool, error) {
	if !inputIsAudio(first) {
		return false, nil
	}
	if err := s.Send(event(mediav1.OutputEvent_START_OF_INPUT)); err != nil {
		return true, err
	}
	return true, drain(s)
}

// mixes greets in chunks and answers with a WAV file.
func mixes(first *in, s serverStream) (bool, error) {
	if !inputIsAudio(first) {
		return false, nil
	}
	return true, (&server{wav: true}).listen(first, s)
}

// neverStops sends its greeting in real time and does not notice that the
// caller interrupts it.
func neverStops(greeting []byte) serveFunc {
	return func(first *in, s serverStream) (bool, error) {
		if !inputIsSessionStart(first) {
			return false, nil
		}
		if err := drain(s); err != nil {
			return true, err
		}
		for at := 0; at < len(greeting); at += 800 {
			if err := s.Send(chunkOf(greeting[at:at+800], true)); err != nil {
				return true, err
			}
			time.Sleep(100 * time.Millisecond)
		}
		return true, s.Send((&server{}).final())
	}
}

// speaksAfterTransfer speaks on the listening RPC although the answer to the
// keys has ended the call. The entry "0" is answered while the first RPC goes
// on listening.
func speaksAfterTransfer(first *in, s serverStream) (bool, error) {
	if !inputIsKeys(first) && !inputIsAudio(first) {
		return false, nil
	}
	if inputIsKeys(first) {
		if err := s.Send(chunkOf(tone(time.Second, 440), true)); err != nil {
			return true, err
		}
		time.Sleep(200 * time.Millisecond) // a listening RPC opens meanwhile
		return true, s.Send(terminalEvent())
	}
	for {
		m, err := s.Recv()
		if err == io.EOF {
			time.Sleep(10 * time.Millisecond)
			return true, s.Send(chunkOf(hello[:800], false))
		}
		if err != nil || inputIsStartOfDTMF(m) {
			return true, err
		}
	}
}
