package session

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/lane"
)

// collector is a session that only collects what happens to it.
func collector() (s *Session, happened *[]input) {
	happened = &[]input{}
	s = newSession(Key{"o", "c"}, hclog.NewNullLogger(), nil)
	s.inputs = lane.NewActor(func(in *input) { *happened = append(*happened, *in) }, nil)
	return s, happened
}

// outbox is an RPC of a collector.
func outbox() (r *RPC, happened *[]input) {
	s, happened := collector()
	s.inputs.Start()
	return newRPC(s, 1), happened
}

// clips is a response with prompts of 100 bytes each.
func clips(kind ResponseType, prompts ...uint64) (r Response) {
	r.Type = kind
	for _, prompt := range prompts {
		r.Clips = append(r.Clips, Clip{Audio: make([]byte, 100), prompt: prompt})
	}
	return r
}

func chunk(prompt uint64, bytes int) Response {
	return Response{Type: Chunk, Audio: make([]byte, bytes), prompt: prompt, cost: 2 * bytes}
}

func TestChunks(t *testing.T) {
	tests := []struct {
		name string
		fill func(r *RPC)
		want []int // bytes of audio of each response
	}{
		{"waiting audio becomes one chunk", func(r *RPC) { r.push(chunk(1, 160)); r.push(chunk(1, 160)) }, []int{320}},
		{"too little waits", func(r *RPC) { r.push(chunk(1, 99)) }, nil},
		{"too little grows", func(r *RPC) { r.push(chunk(1, 99)); r.push(chunk(1, 1)) }, []int{100}},
		{"the end of a prompt is padded", func(r *RPC) { r.push(chunk(1, 40)); r.seal() }, []int{100}},
		{"a FINAL seals", func(r *RPC) { r.push(chunk(1, 40)); r.push(Response{Type: Final}) }, []int{100, 0}},
		{"the end of the RPC seals", func(r *RPC) { r.push(chunk(1, 40)); r.end(nil) }, []int{100}},
		{"prompts are not mixed", func(r *RPC) { r.push(chunk(1, 160)); r.push(chunk(2, 200)) }, []int{160, 200}},
		{"sealed audio does not grow", func(r *RPC) { r.push(chunk(1, 160)); r.seal(); r.push(chunk(1, 200)) }, []int{160, 200}},
		{"the largest chunk", func(r *RPC) { r.push(chunk(1, 65536+65536+500)) }, []int{65536, 65536, 500}},
		{"dropped audio does not leave", func(r *RPC) { r.push(chunk(1, 160)); r.push(chunk(2, 160)); r.drop(1) }, []int{160}},
		{"all dropped but the FINAL", func(r *RPC) { r.push(chunk(1, 160)); r.push(Response{Type: Final}); r.drop(0) }, []int{0}},
		{"a FINAL without its prompts", func(r *RPC) { r.push(clips(Partial, 1)); r.push(clips(Final, 2, 3)); r.drop(0) }, []int{0}},
		{"a FINAL without one of them", func(r *RPC) { r.push(clips(Final, 1, 2)); r.drop(1) }, []int{100}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, _ := outbox()
				test.fill(r)
				ctx, cancel := context.WithCancel(t.Context())
				var got []int
				go func() {
					for response := range r.Responses(ctx) {
						n := len(response.Audio)
						for _, clip := range response.Clips {
							n += len(clip.Audio)
						}
						got = append(got, n)
					}
				}()
				synctest.Wait()
				cancel()
				synctest.Wait()
				if !slices.Equal(got, test.want) {
					t.Errorf("sent %v, want %v", got, test.want)
				}
			})
		})
	}
}

// TestCostReturnsWhole holds that each byte of audio is accounted for once,
// whether it left, was cut into chunks, dropped or left over at the end.
func TestCostReturnsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, happened := outbox()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for range r.Responses(ctx) {
			}
		}()
		total := 0
		for i, n := range []int{160, 40, 200000, 7, 30} {
			r.push(chunk(uint64(i/2), n))
			total += n
			if i == 2 {
				r.drop(0)
			}
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		cost, size := 0, 0
		for _, in := range *happened {
			cost, size = cost+in.cost, size+in.bytes
		}
		if cost != 2*total || size != total {
			t.Errorf("%d bytes and %d credit came back, want %d and %d", size, cost, total, 2*total)
		}
	})
}

// TestAudioAfterTheHandler: what is queued when nobody sends any more comes back.
func TestAudioAfterTheHandler(t *testing.T) {
	r, happened := outbox()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range r.Responses(ctx) {
		t.Error("a response was sent")
	}
	r.push(chunk(1, 160))
	back := *happened
	if n := len(back); n != 2 || back[1].kind != dropped || back[1].bytes != 160 {
		t.Errorf("came back: %+v", back)
	}
}

func TestPaddingIsSilence(t *testing.T) {
	r, _ := outbox()
	r.push(Response{Type: Chunk, Audio: []byte{1, 2, 3}})
	r.end(nil)
	for response := range r.Responses(t.Context()) {
		want := append([]byte{1, 2, 3}, bytes.Repeat([]byte{0xff}, 97)...)
		if !bytes.Equal(response.Audio, want) {
			t.Errorf("padded to %v", response.Audio)
		}
	}
}

// TestReceiveWaits holds the bound on caller audio that nobody has heard yet.
func TestReceiveWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := outbox()
		q := &Request{Key: r.session.key, Kind: Audio, Audio: make([]byte, maxUnheard/2-256)}
		received := 0
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for range 5 {
				r.Receive(ctx, q)
				received++
			}
		}()
		synctest.Wait()
		if received != 2 {
			t.Fatalf("%d requests were taken, want 2", received)
		}
		r.heard(q.cost())
		synctest.Wait()
		if received != 3 {
			t.Errorf("%d requests were taken after one was heard, want 3", received)
		}
		cancel()
	})
}
