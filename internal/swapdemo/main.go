// Swapdemo keeps calls to echo up for examples/swap-demo.sh. Each line of its standard
// input is something that all callers do, and gets one line of answer:
//
//	place N      N more callers call and hear the greeting
//	press KEYS   all press keys, at once, and hear the answers
//	count        all ask how many answers they have had, and say if that is right
//	hang up      all hang up
//
// It ends with its input, or with status 1 when something went wrong.
//
//	go run ./internal/swapdemo ADDR
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/byova-host/byova-host/internal/audio"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// patience is how long an answer may take.
const patience = 20 * time.Second

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: swapdemo ADDR")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "swapdemo:", err)
		os.Exit(1)
	}
}

// run does what it is told, until there is nothing more to do.
func run(addr string, in io.Reader, out io.Writer) error {
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	c := &callers{agent: mediav1.NewVoiceVirtualAgentClient(conn)}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		said, err := c.obey(lines.Text())
		if err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
		fmt.Fprintln(out, said)
	}
	return lines.Err()
}

// callers are the calls that are up.
type callers struct {
	agent mediav1.VoiceVirtualAgentClient
	calls []*call
}

// call is one of them.
type call struct {
	id      string
	answers int // to keys, so far
}

func (c *callers) obey(line string) (string, error) {
	verb, what, _ := strings.Cut(line, " ")
	switch verb {
	case "place":
		n, err := strconv.Atoi(what)
		if err != nil {
			return "", err
		}
		return c.place(n)
	case "press":
		slowest, err := c.press(what)
		return fmt.Sprintf("all %d press %s and hear it, the slowest after %d ms", len(c.calls), what, slowest.Milliseconds()), err
	case "count":
		return c.count()
	case "hang":
		_, err := c.all(func(k *call) error { _, err := c.exchange(k, event(mediav1.EventInput_SESSION_END)); return err })
		return fmt.Sprintf("all %d hang up", len(c.calls)), err
	default:
		return "", errors.New("that is nothing a caller does")
	}
}

func (c *callers) place(n int) (string, error) {
	before := c.calls
	c.calls = nil
	for i := range n {
		c.calls = append(c.calls, &call{id: fmt.Sprint("demo-", len(before)+i+1)})
	}
	_, err := c.all(func(k *call) error { return heard(c.exchange(k, event(mediav1.EventInput_SESSION_START))) })
	c.calls = append(before, c.calls...)
	return fmt.Sprintf("%d calls are up", len(c.calls)), err
}

// press has all callers press keys at once, and tells how long the slowest waited.
func (c *callers) press(digits string) (slowest time.Duration, err error) {
	return c.all(func(k *call) error {
		k.answers++
		return heard(c.exchange(k, keys(digits)))
	})
}

// count has each caller hear how many answers it had.
func (c *callers) count() (string, error) {
	if len(c.calls) == 0 {
		return "", errors.New("no call is up")
	}
	var mu sync.Mutex
	said := map[string]int{}
	_, err := c.all(func(k *call) error {
		tones, err := c.exchange(k, keys("8"))
		if err != nil {
			return err
		}
		got, want := keysIn(tones), strconv.Itoa(k.answers)
		if got != want {
			return fmt.Errorf("it has had %s answers and hears %q", want, got)
		}
		k.answers++
		mu.Lock()
		defer mu.Unlock()
		said[got]++
		return nil
	})
	var parts []string
	for _, k := range c.calls {
		count := strconv.Itoa(k.answers - 1)
		if n := said[count]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d of them %s", n, count))
			delete(said, count)
		}
	}
	return fmt.Sprintf("all %d ask how many answers they had: %s; that is right", len(c.calls), strings.Join(parts, ", ")), err
}

// all does something in all calls at once.
func (c *callers) all(do func(*call) error) (slowest time.Duration, err error) {
	errs := make([]error, len(c.calls))
	took := make([]time.Duration, len(c.calls))
	var doing sync.WaitGroup
	for i, k := range c.calls {
		doing.Go(func() {
			began := time.Now()
			if err := do(k); err != nil {
				errs[i] = fmt.Errorf("call %s: %w", k.id, err)
			}
			took[i] = time.Since(began)
		})
	}
	doing.Wait()
	for _, d := range took {
		slowest = max(slowest, d)
	}
	return slowest, errors.Join(errs...)
}

// exchange sends an input on an RPC of its own and hears what comes of it.
func (c *callers) exchange(k *call, m *mediav1.VoiceVARequest) (sound []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	st, err := c.agent.ProcessCallerInput(ctx)
	if err != nil {
		return nil, err
	}
	m.ConversationId, m.CustomerOrgId, m.VirtualAgentId = k.id, "demo", "echo"
	if err := errors.Join(st.Send(m), st.CloseSend()); err != nil {
		return nil, err
	}
	for {
		response, err := st.Recv()
		if errors.Is(err, io.EOF) {
			return sound, nil
		}
		if err != nil {
			return nil, err
		}
		for _, e := range response.GetOutputEvents() {
			return nil, fmt.Errorf("the host says %v", e.GetEventType())
		}
		for _, p := range response.GetPrompts() {
			sound = append(sound, p.GetAudioContent()...)
		}
	}
}

// heard holds that an answer has sound.
func heard(sound []byte, err error) error {
	if err == nil && len(sound) == 0 {
		err = errors.New("it hears nothing")
	}
	return err
}

func event(kind mediav1.EventInput_EventType) *mediav1.VoiceVARequest {
	return &mediav1.VoiceVARequest{VoiceVaInputType: &mediav1.VoiceVARequest_EventInput{EventInput: &mediav1.EventInput{EventType: kind}}}
}

func keys(digits string) *mediav1.VoiceVARequest {
	in := &mediav1.DTMFInputs{}
	for _, key := range digits {
		in.DtmfEvents = append(in.DtmfEvents, mediav1.DTMFDigits(1+strings.IndexRune("1234567890ABCD*#", key)))
	}
	return &mediav1.VoiceVARequest{VoiceVaInputType: &mediav1.VoiceVARequest_DtmfInput{DtmfInput: in}}
}

// keysIn reads echo's tones: 120 ms for each key, and 80 ms of silence.
func keysIn(sound []byte) string {
	const key, from, to = 1600, 80, 880 // samples
	var text strings.Builder
	for pcm := audio.DecodeMuLaw(nil, sound); len(pcm) >= key; pcm = pcm[key:] {
		row, column := loudest(pcm[from:to], 697, 770, 852, 941), loudest(pcm[from:to], 1209, 1336, 1477, 1633)
		text.WriteByte([...]string{"123A", "456B", "789C", "*0#D"}[row][column])
	}
	return text.String()
}

// loudest tells which of some tones is the loudest, by Goertzel's recurrence.
func loudest(pcm []int16, hertz ...float64) (at int) {
	most := -1.0
	for i, f := range hertz {
		c := 2 * math.Cos(2*math.Pi*f/8000)
		a, b := 0.0, 0.0
		for _, s := range pcm {
			a, b = float64(s)+c*a-b, a
		}
		if power := a*a + b*b - c*a*b; power > most {
			at, most = i, power
		}
	}
	return at
}
