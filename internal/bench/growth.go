//go:build unix

package main

import (
	"fmt"
)

// row is what calls in real time took, 20 ms a frame.
type row struct {
	calls  int
	both   [2]*realTime // in the host, and through host and plugin
	memory float64      // MiB; live heap and stacks of host and plugin
}

// growth is how cost grows with calls. Only the long form has it.
func (b *bench) growth() error {
	if len(b.effort.growth) == 0 {
		return nil
	}
	return b.with(func(s []*subject) error {
		for _, n := range b.effort.growth {
			p := pace{n, frame20}
			name := fmt.Sprintf("growth%d", n)
			turns, err := b.paced(s, name, p, 1, b.effort.paced/2)
			if err != nil {
				b.results.add(name+"_kept_up", 0, "bool")
				fmt.Fprintln(b.results.out, err)
				return nil
			}
			u, err := s[1].used(b.ctx, false)
			if err != nil {
				return err
			}
			both := [2]*realTime{turns[0][0], turns[1][0]}
			r := row{n, both, float64(u.host.kept()+u.plugin.kept()) / (1 << 20)}
			b.rows = append(b.rows, r)
			b.addCalls(name, p, both)
			b.results.add(name+"_memory", r.memory, "MiB")
		}
		return nil
	}, kind{by: inHost}, kind{by: byPlugin})
}
