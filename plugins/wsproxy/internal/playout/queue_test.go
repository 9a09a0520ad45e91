package playout

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// player is a Queue with a clock, and what it has released.
type player struct {
	*Queue
	now   time.Time
	began time.Time
	left  []byte
	items []string
}

func newPlayer() *player {
	now := time.Unix(1_000_000, 0)
	return &player{Queue: &Queue{Lead: 200 * time.Millisecond}, now: now, began: now}
}

// run lets time pass, and releases every 20 ms what is due.
func (p *player) run(d time.Duration) {
	for end := p.now.Add(d); ; p.now = p.now.Add(20 * time.Millisecond) {
		for {
			piece, any := p.Release(p.now, 1<<20, false, false)
			if !any {
				break
			}
			p.left = append(p.left, piece.Audio...)
			p.items = append(p.items, piece.Item)
		}
		if !p.now.Before(end) {
			return
		}
	}
}

func ms(n int) []byte { return bytes.Repeat([]byte{byte(n)}, n*8) }

// TestPace: three minutes in one burst leave as they play, no more than the lead ahead,
// and the first at once.
func TestPace(t *testing.T) {
	p := newPlayer()
	audio := make([]byte, 180*8000)
	for i := range audio {
		audio[i] = byte(i >> 8)
	}
	p.Add("a", false, audio)
	p.run(0)
	if got := len(p.left); got != 200*8 {
		t.Fatalf("%d bytes leave at once, want the lead, %d", got, 200*8)
	}
	for range 180 * 50 {
		p.run(20 * time.Millisecond)
		ahead := duration(int64(len(p.left))) - p.now.Sub(p.began)
		if over := len(p.left) == len(audio); ahead > 200*time.Millisecond || ahead < 170*time.Millisecond && !over {
			t.Fatalf("after %v what has left is %v ahead", p.now.Sub(p.began), ahead)
		}
	}
	if !bytes.Equal(p.left, audio) || p.Waiting() != 0 {
		t.Errorf("%d of %d bytes have left, in order: %t", len(p.left), len(audio), bytes.Equal(p.left, audio))
	}
}

// TestMarks are reached when what is before them has been heard, and not when it has
// left.
func TestMarks(t *testing.T) {
	p := newPlayer()
	p.Mark("at once")
	if got := p.Reached(p.now); !slices.Equal(got, []string{"at once"}) {
		t.Errorf("with nothing queued: %v", got)
	}
	p.Add("a", false, ms(100))
	p.Mark("100")
	p.Add("a", false, ms(400))
	p.Mark("500")
	p.Mark("500")
	var log []string
	for at := 0; at <= 600; at += 20 {
		for _, name := range p.Reached(p.now) {
			log = append(log, fmt.Sprint(name, "@", at))
		}
		p.run(20 * time.Millisecond)
	}
	if got := strings.Join(log, " "); got != "100@100 500@500 500@500" {
		t.Errorf("marks %s", got)
	}
}

func TestFlush(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(*player)
		want Cut
	}{
		{"nothing was said", func(*player) {}, Cut{}},
		{"all was heard", func(p *player) { p.Add("a", false, ms(100)); p.run(400 * time.Millisecond) }, Cut{}},
		{"in the first item", func(p *player) {
			p.Add("a", false, ms(1000))
			p.Mark("m")
			p.run(300 * time.Millisecond)
		}, Cut{"a", 300 * time.Millisecond, []string{"m"}}},
		{"in the second", func(p *player) {
			p.Add("a", false, ms(200))
			p.Add("b", false, ms(500))
			p.run(300 * time.Millisecond)
		}, Cut{"b", 100 * time.Millisecond, nil}},
		{"in an item with a part that may be cut and one that may not", func(p *player) {
			p.Add("a", false, ms(200))
			p.Add("a", true, ms(500))
			p.run(300 * time.Millisecond)
		}, Cut{"a", 300 * time.Millisecond, nil}},
		{"after a pause", func(p *player) {
			p.Add("a", false, ms(200))
			p.run(time.Second)
			p.Add("a", false, ms(500))
			p.run(100 * time.Millisecond)
		}, Cut{"a", 300 * time.Millisecond, nil}},
		{"before anything was heard", func(p *player) { p.Add("a", false, ms(200)) }, Cut{"a", 0, nil}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlayer()
			test.do(p)
			got := p.Flush(p.now)
			if got.Item != test.want.Item || got.Heard != test.want.Heard || !slices.Equal(got.Marks, test.want.Marks) {
				t.Errorf("cut %+v, want %+v", got, test.want)
			}
			if p.Playing(p.now) || p.Waiting() != 0 {
				t.Error("something still plays")
			}
			before := len(p.left)
			p.Add("next", false, ms(100))
			p.run(0)
			if len(p.left) != before+800 {
				t.Errorf("%d bytes of what came next have left, want 800", len(p.left)-before)
			}
		})
	}
}

// TestCrumbs: what is less than a frame leaves with the frame before it, or when the
// answer is complete.
func TestCrumbs(t *testing.T) {
	p := newPlayer()
	p.Add("a", false, make([]byte, 320+50))
	piece, _ := p.Release(p.now, 1<<20, false, false)
	if len(piece.Audio) != 370 {
		t.Errorf("%d bytes left, want all 370", len(piece.Audio))
	}
	p.Add("a", false, make([]byte, 70))
	if _, any := p.Release(p.now, 1<<20, false, false); any {
		t.Error("a crumb left while more may come")
	}
	if piece, _ := p.Release(p.now, 1<<20, true, false); len(piece.Audio) != 70 {
		t.Errorf("%d bytes left at the end, want 70", len(piece.Audio))
	}
	p.Add("b", false, make([]byte, 30))
	p.Add("c", false, make([]byte, 160))
	if piece, _ := p.Release(p.now, 1<<20, false, false); piece.Item != "b" || len(piece.Audio) != 30 {
		t.Errorf("%d bytes of %q left, want the 30 of b: another item follows", len(piece.Audio), piece.Item)
	}
	if piece, any := p.Release(p.now, 100, false, true); any {
		t.Errorf("%d bytes left, where 100 were allowed", len(piece.Audio))
	}
}

// FuzzQueue holds that nothing is lost, doubled or reordered whatever is done, and that
// the times make sense.
func FuzzQueue(f *testing.F) {
	f.Add([]byte{0, 200, 1, 10, 2, 0, 0, 30, 3, 7, 1, 200})
	f.Fuzz(func(t *testing.T, ops []byte) {
		p := newPlayer()
		var queued []byte
		marks, reached := 0, 0
		for i := 0; i+1 < len(ops) && i < 400; i += 2 {
			arg := ops[i+1]
			switch ops[i] % 5 {
			case 0:
				audio := bytes.Repeat([]byte{arg}, int(arg)*3)
				p.Add(fmt.Sprint(arg%3), arg%7 == 0, audio)
				queued = append(queued, audio...)
			case 1:
				p.run(time.Duration(arg) * time.Millisecond)
			case 2:
				p.Mark("m")
				marks++
			case 3:
				cut := p.Flush(p.now)
				reached += len(cut.Marks)
				queued = queued[:len(p.left):len(p.left)]
				if cut.Heard < 0 {
					t.Fatalf("cut after %v", cut.Heard)
				}
			case 4:
				reached += len(p.Reached(p.now))
			}
			if !bytes.HasPrefix(queued, p.left) {
				t.Fatal("what left is not what was queued")
			}
		}
		p.run(20 * time.Second)
		if piece, any := p.Release(p.now, 1<<20, true, false); any {
			p.left = append(p.left, piece.Audio...)
		}
		p.now = p.now.Add(time.Second)
		if reached += len(p.Reached(p.now)); reached != marks {
			t.Errorf("%d of %d marks came back", reached, marks)
		}
		if !bytes.Equal(queued, p.left) {
			t.Errorf("%d of %d bytes left", len(p.left), len(queued))
		}
	})
}
