package session

import (
	"context"
	"iter"
	"slices"
	"sync"
)

// The size of a chunk, in bytes of mu-law at 8 kHz: Webex takes no others
// (Cisco's dialog connector simulator, README).
const (
	minChunk = 100
	maxChunk = 65536
)

// maxUnheard bounds the requests of one RPC that wait for their session, in bytes.
const maxUnheard = 256 << 10

// muLawSilence fills a chunk that is too short.
const muLawSilence = 0xFF

// RPC is one RPC of a call. Requests go in, in order, from one goroutine;
// responses come out in another, their only writer.
type RPC struct {
	session *Session // nil for an RPC that is only completed
	id      rpcID
	ready   chan struct{}

	mu        sync.Mutex
	queue     []outgoing // what waits to be sent
	ended     bool       // nothing will be added
	cancelled bool       // what waits is not sent
	left      bool       // nobody sends any more: what is added comes back
	err       error      // how it ends
	unheard   int        // bytes of requests that wait for the session
	room      chan struct{}
}

// outgoing is a response that waits to be sent.
type outgoing struct {
	Response
	sealed bool // takes no more audio
}

func newRPC(s *Session, id rpcID) *RPC {
	return &RPC{session: s, id: id, ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// endedRPC is an RPC that is completed without anything said.
func endedRPC() *RPC {
	r := newRPC(nil, 0)
	r.end(nil)
	return r
}

// Receive hands a request to the session, which keeps it. It waits while more
// than 256 KiB of requests are unheard, and returns when ctx or the session ends. The
// error says that the request does not belong here.
func (r *RPC) Receive(ctx context.Context, q *Request) error {
	if r.session == nil {
		return nil
	}
	if err := r.session.accepts(q); err != nil {
		return err
	}
	if r.admit(ctx, q.cost()) {
		r.session.inputs.Put(input{kind: requested, rpc: r.id, request: q})
	}
	return nil
}

func (r *RPC) admit(ctx context.Context, bytes int) bool {
	for {
		r.mu.Lock()
		if r.unheard == 0 || r.unheard+bytes <= maxUnheard {
			r.unheard += bytes
			r.mu.Unlock()
			return true
		}
		r.mu.Unlock()
		select {
		case <-r.room:
		case <-ctx.Done():
			return false
		case <-r.session.done:
			return false
		}
	}
}

// heard makes room for more requests.
func (r *RPC) heard(bytes int) {
	r.mu.Lock()
	r.unheard -= bytes
	r.mu.Unlock()
	signal(r.room)
}

// HalfClose says that no more requests come. The answer may still follow.
func (r *RPC) HalfClose() {
	if r.session != nil {
		r.session.inputs.Put(input{kind: halfClosed, rpc: r.id})
	}
}

// Break ends the RPC with an error: a request could not be read. The call goes on.
func (r *RPC) Break(err error) {
	if r.session != nil {
		r.session.inputs.Put(input{kind: gone, rpc: r.id, err: err})
	}
}

// Responses are what is to be sent, in order, until the RPC is complete, ctx
// ends or the loop is left. It is to be ranged over once. A response is taken as
// sent when the loop asks for the next.
func (r *RPC) Responses(ctx context.Context) iter.Seq[Response] {
	return func(yield func(Response) bool) {
		defer r.finish()
		defer context.AfterFunc(ctx, r.cancel)()
		for {
			next, state := r.next()
			switch {
			case state == finished:
				return
			case state == waiting:
				<-r.ready
			case !yield(next):
				if next.Text == nil {
					next.Audio = next.Audio[:next.size] // without padding
				}
				r.takeBack(next)
				return
			default:
				r.sent(next)
			}
		}
	}
}

// Err says how the RPC ended, once Responses has returned.
func (r *RPC) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

type queueState uint8

const (
	waiting queueState = iota
	available
	finished
)

// next takes the next response. A chunk is whatever waits, and never waits to
// grow once it has the least size.
func (r *RPC) next() (Response, queueState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.cancelled, len(r.queue) == 0 && r.ended:
		return Response{}, finished
	case len(r.queue) == 0:
		unsignal(r.ready)
		return Response{}, waiting
	}
	first := &r.queue[0]
	bytes := len(first.Audio)
	if first.Text == nil && first.Type == Chunk && bytes < minChunk && !first.sealed && len(r.queue) == 1 && !r.ended {
		return Response{}, waiting
	}
	if bytes > maxChunk {
		return first.cut(), available
	}
	next := first.Response
	r.queue = slices.Delete(r.queue, 0, 1) // few wait: the next one needs no new memory
	next.pad()
	return next, available
}

// cut takes the largest chunk from the front.
func (o *outgoing) cut() Response {
	part := o.Response
	part.Audio = o.Audio[:maxChunk:maxChunk]
	part.size = maxChunk
	part.cost = o.cost * maxChunk / len(o.Audio)
	o.cost -= part.cost
	o.Audio = o.Audio[maxChunk:]
	return part
}

// pad brings a short chunk to the least size.
func (r *Response) pad() {
	r.size = r.bytes()
	for r.Type == Chunk && r.Text == nil && len(r.Audio) < minChunk {
		r.Audio = append(r.Audio, muLawSilence)
	}
}

// push queues a response; audio joins the audio of the same prompt before it.
func (r *RPC) push(response Response) {
	r.mu.Lock()
	if r.left {
		r.mu.Unlock()
		r.takeBack(response)
		return
	}
	if n := len(r.queue); n > 0 && r.queue[n-1].takes(response) {
		last := &r.queue[n-1]
		last.Audio = append(last.Audio, response.Audio...)
		last.cost += response.cost
	} else {
		r.queue = append(r.queue, outgoing{Response: response})
	}
	r.mu.Unlock()
	signal(r.ready)
}

func (o *outgoing) takes(next Response) bool {
	return o.Type == Chunk && next.Type == Chunk && !o.sealed && o.prompt == next.prompt && o.BargeIn == next.BargeIn && o.Text == nil && next.Text == nil
}

// seal says that the audio queued last is complete.
func (r *RPC) seal() {
	r.mu.Lock()
	if n := len(r.queue); n > 0 {
		r.queue[n-1].sealed = true
	}
	r.mu.Unlock()
	signal(r.ready)
}

// cancel ends the RPC at once: nothing can be sent any more.
func (r *RPC) cancel() {
	r.mu.Lock()
	r.cancelled = true
	r.mu.Unlock()
	signal(r.ready)
}

// end completes the RPC behind what is queued.
func (r *RPC) end(err error) {
	r.mu.Lock()
	if !r.ended {
		r.ended, r.err = true, err
	}
	r.mu.Unlock()
	signal(r.ready)
}

// drop takes back the audio of a prompt, or of all for 0. What it was to come with
// is still sent.
func (r *RPC) drop(prompt uint64) {
	r.mu.Lock()
	var back []Response
	kept := r.queue[:0]
	for _, o := range r.queue {
		clips := o.dropClips(prompt)
		switch {
		case o.Type == Chunk && (prompt == 0 || o.prompt == prompt):
			back = append(back, o.Response)
			continue
		case len(clips) > 0:
			back = append(back, Response{Clips: clips})
		}
		if o.Type != Partial || len(o.Clips) > 0 {
			kept = append(kept, o)
		}
	}
	clear(r.queue[len(kept):])
	r.queue = kept
	r.mu.Unlock()
	for _, response := range back {
		r.takeBack(response)
	}
}

// dropClips removes the clips of a prompt, or all for 0, and returns them.
func (o *outgoing) dropClips(prompt uint64) (dropped []Clip) {
	o.Clips = slices.DeleteFunc(o.Clips, func(c Clip) bool {
		gone := prompt == 0 || c.prompt == prompt
		if gone {
			dropped = append(dropped, c)
		}
		return gone
	})
	return dropped
}

// sent tells the session that the audio of a response has left.
func (r *RPC) sent(s Response) { r.tell(left, s, s.size) }

// takeBack tells the session that the audio of a response will not leave.
func (r *RPC) takeBack(s Response) { r.tell(dropped, s, s.bytes()) }

func (r *RPC) tell(what inputKind, s Response, chunk int) {
	if r.session == nil {
		return
	}
	if s.Type == Chunk {
		r.session.inputs.Put(input{kind: what, rpc: r.id, prompt: s.prompt, bytes: chunk, cost: s.cost})
	}
	for _, c := range s.Clips {
		r.session.inputs.Put(input{kind: what, rpc: r.id, prompt: c.prompt, bytes: c.bytes()})
	}
}

// finish tells the session that nothing can be sent any more.
func (r *RPC) finish() {
	r.end(context.Canceled)
	r.mu.Lock()
	r.left = true
	unsent := r.queue
	r.queue = nil
	r.mu.Unlock()
	for _, o := range unsent {
		r.takeBack(o.Response)
	}
	if r.session != nil {
		r.session.open.Add(-1)
		r.session.inputs.Put(input{kind: gone, rpc: r.id})
	}
}

// unsignal takes back a wake for what has been taken meanwhile. Call it under the lock
// under which that was added.
func unsignal(ready chan struct{}) {
	select {
	case <-ready:
	default:
	}
}

// signal wakes the one who waits on ready, now or next.
func signal(ready chan struct{}) {
	select {
	case ready <- struct{}{}:
	default:
	}
}
