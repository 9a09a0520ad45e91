package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestCalls(t *testing.T) {
	c, stop := open(t, nil)
	calls, err := c.Calls(t.Context())
	if err != nil || len(calls) != 1 || calls[0].Conversation != "c1" || calls[0].Turn != 3 {
		t.Errorf("calls %+v, %v", calls, err)
	}
	trace := func(ctx context.Context, id string, o TraceOptions, each func(TraceLine)) (string, error) {
		var all []string
		err := c.Trace(ctx, id, o, func(l TraceLine) error {
			switch {
			case l.Call != nil:
				all = append(all, l.Call.Conversation)
			case l.Entry != nil:
				all = append(all, fmt.Sprint(l.Entry.At, l.Entry.What))
			default:
				all = append(all, fmt.Sprint("missed ", l.Missed))
			}
			each(l)
			return nil
		})
		return strings.Join(all, "; "), err
	}
	none := func(TraceLine) {}
	if got, err := trace(t.Context(), "c/1", TraceOptions{Content: true}, none); err != nil || got != "c/1; missed 1; 1.5{Content:true Follow:false}" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := trace(t.Context(), "other", TraceOptions{}, none); err == nil || !strings.Contains(err.Error(), `404 Not Found: no such call: "other"`) {
		t.Errorf("an unknown call: %v", err)
	}
	// Who has seen enough goes away.
	ctx, enough := context.WithCancel(t.Context())
	if _, err := trace(ctx, "c/1", TraceOptions{Follow: true}, func(l TraceLine) {
		if l.Entry != nil {
			enough()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	// And the host says that it stops.
	if _, err := trace(t.Context(), "c/1", TraceOptions{Follow: true}, func(l TraceLine) {
		if l.Entry != nil {
			go stop()
		}
	}); err == nil || err.Error() != "the host is stopping" {
		t.Errorf("error %v", err)
	}
	stop()
}
