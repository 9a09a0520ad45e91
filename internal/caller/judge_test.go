package caller

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

// wireLog makes entries by hand. Times are in milliseconds.
type wireLog []Entry

func (l *wireLog) add(rpc, ms int, e Entry) *wireLog {
	e.RPC, e.At = rpc, time.Duration(ms)*time.Millisecond
	*l = append(*l, e)
	return l
}

func (l *wireLog) got(rpc, ms int, r Response) *wireLog {
	return l.add(rpc, ms, Entry{Kind: Responded, Response: &r})
}

func (l *wireLog) end(rpc, ms int) *wireLog { return l.add(rpc, ms, Entry{Kind: Ended}) }

// greeted is a call that has been greeted and whose second RPC listens.
func greeted() *wireLog {
	return new(wireLog).
		add(1, 0, Entry{Kind: Opened}).
		add(1, 0, Entry{Kind: SentEvent, Event: eventSessionStart}).
		add(1, 60, Entry{Kind: HalfClosed}).
		got(1, 100, Response{Type: typeChunk, Prompts: []Prompt{{Bytes: 800}}}).
		got(1, 110, Response{Type: typeFinal, InputMode: "INPUT_VOICE", Config: true}).
		end(1, 120).
		add(2, 300, Entry{Kind: Opened})
}

// spokenTo adds speech from 1000 to 2000 ms on the second RPC.
func spokenTo(l *wireLog, start, end int) *wireLog {
	l.add(2, 1000, Entry{Kind: SentAudio, Audio: 700 * time.Millisecond}).
		add(2, 1000, Entry{Kind: SpeechStart}).
		got(2, start, Response{Type: typeFinal, Events: []string{eventStartOfInput}})
	if end > 2000 {
		l.add(2, 2000, Entry{Kind: SpeechEnd})
	}
	l.got(2, end, Response{Type: typeFinal, Events: []string{eventEndOfInput}})
	if end <= 2000 {
		l.add(2, end, Entry{Kind: SpeechEnd})
	}
	return l.add(2, end, Entry{Kind: HalfClosed}).
		got(2, end+50, Response{Type: typeFinal, InputMode: "INPUT_VOICE", Config: true}).
		end(2, end+60)
}

// TestJudge feeds logs that no call is needed for.
func TestJudge(t *testing.T) {
	hungUp := func(l *wireLog, rpc, ms int) *wireLog {
		return l.add(rpc, ms, Entry{Kind: SentEvent, Event: eventSessionEnd}).add(rpc, ms, Entry{Kind: HalfClosed}).end(rpc, ms+5)
	}
	tests := []struct {
		name   string
		log    *wireLog
		limits Limits
		broken []string
		at     int // of the first evidence, ms
	}{
		{"nothing", new(wireLog), Limits{}, nil, 0},
		{"greeting alone", greeted(), Limits{}, nil, 0},
		{"start at the first frame", spokenTo(greeted(), 1020, 2500), Limits{}, nil, 0},
		{"latest start and end", spokenTo(greeted(), 1400, 3000), Limits{}, nil, 0},
		{"start later than allowed", spokenTo(greeted(), 1701, 2500), Limits{StartLast: 700 * time.Millisecond}, []string{"R15"}, 1701},
		{"end too late", spokenTo(greeted(), 1100, 7001), Limits{}, []string{"R16"}, 7001},
		{"end in the speech", spokenTo(greeted(), 1100, 1500), Limits{}, []string{"R16"}, 1500},
		{"hung up while speaking", hungUp(greeted().add(2, 1000, Entry{Kind: SpeechStart}).
			add(2, 1100, Entry{Kind: HalfClosed}).end(2, 1110), 3, 1100), Limits{}, nil, 0},
		{"start on another RPC", spokenTo(greeted().add(3, 500, Entry{Kind: SentAudio}), 1100, 2500).
			got(3, 1100, Response{Type: typeFinal, Events: []string{eventStartOfInput}}), Limits{}, nil, 0},
		{"the listening RPC is completed just before the end of the call is seen", greeted().add(2, 500, Entry{Kind: SentAudio}).
			add(3, 600, Entry{Kind: Opened}).add(3, 600, Entry{Kind: SentKeys, Digits: "1#"}).add(3, 600, Entry{Kind: HalfClosed}).end(2, 700).
			got(3, 701, Response{Type: typeFinal, Events: []string{eventTransfer}}).end(3, 701), Limits{}, nil, 0},
		{"the listening RPC is completed", greeted().add(2, 500, Entry{Kind: SentAudio}).
			add(3, 600, Entry{Kind: Opened}).add(3, 600, Entry{Kind: SentKeys, Digits: "1#"}).add(3, 600, Entry{Kind: HalfClosed}).end(2, 700).
			got(3, 801, Response{Type: typeFinal, Events: []string{eventTransfer}}).end(3, 801), Limits{}, []string{"R2"}, 700},
		{"session end with an error", greeted().add(3, 900, Entry{Kind: SentEvent, Event: eventSessionEnd}).
			add(3, 900, Entry{Kind: HalfClosed}).add(3, 910, Entry{Kind: Ended, Status: codes.NotFound}), Limits{}, []string{"R48"}, 910},
		{"a status", greeted().add(2, 900, Entry{Kind: Ended, Status: codes.AlreadyExists}), Limits{}, []string{"R2"}, 900},
		{"cancelled at hang-up", hungUp(greeted().add(2, 900, Entry{Kind: Cancelled}).
			add(2, 900, Entry{Kind: Ended, Status: codes.Canceled}), 3, 900), Limits{}, nil, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := Judge(*test.log, test.limits)
			if len(v.Findings) != len(rules) {
				t.Fatalf("%d findings, want one for each of %d rules", len(v.Findings), len(rules))
			}
			broken := v.With(Broken)
			if got := v.rules(Broken); !slices.Equal(got, test.broken) {
				t.Fatalf("broken %v, want %v: %v", got, test.broken, broken)
			}
			if len(broken) > 0 && broken[0].Evidence[0].At != time.Duration(test.at)*time.Millisecond {
				t.Errorf("evidence %v, want it at %d ms", broken[0].Evidence[0], test.at)
			}
		})
	}
}

// TestJudgeWarns holds that what is late is not broken: no source names a limit.
func TestJudgeWarns(t *testing.T) {
	for rule, log := range map[string]*wireLog{
		"R15": spokenTo(greeted(), 1401, 2500),
		"R16": spokenTo(greeted(), 1100, 3001),
	} {
		v := Judge(*log, Limits{})
		if got := v.rules(Warned); !slices.Equal(got, []string{rule}) || !v.OK() {
			t.Errorf("warned of %v, broken %v, want a warning of %s alone", got, v.rules(Broken), rule)
		}
	}
}

// TestJudgeSeesNothing holds that a rule is not called kept without a cause.
func TestJudgeSeesNothing(t *testing.T) {
	v := Judge(nil, Limits{})
	if got := len(v.With(NotSeen)); got != len(rules) || !v.OK() {
		t.Errorf("%d of %d rules not seen in an empty call", got, len(rules))
	}
	seen := Judge(*greeted(), Limits{}).rules(Kept)
	if want := []string{"R2", "R3", "R8", "R9", "R20", "R22", "R25", "R26", "R27", "R31", "R54"}; !slices.Equal(seen, want) {
		t.Errorf("a greeting keeps %v, want %v", seen, want)
	}
}

// TestRules holds that the table is in order and says each rule once.
func TestRules(t *testing.T) {
	last := 0
	for _, r := range rules {
		n, err := strconv.Atoi(strings.TrimPrefix(r.id, "R"))
		if err != nil || n <= last || r.name == "" {
			t.Errorf("rule %q, %q: want a number after %d and a name", r.id, r.name, last)
		}
		last = n
	}
}
