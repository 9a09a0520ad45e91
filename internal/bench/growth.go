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
			both, err := b.both(s, p, b.effort.paced/6)
			if err != nil {
				b.results.add(fmt.Sprintf("growth%d_kept_up", n), 0, "bool")
				fmt.Fprintln(b.results.out, err)
				return nil
			}
			u, err := s[1].used(b.ctx, false)
			if err != nil {
				return err
			}
			r := row{n, both, float64(u.host.kept()+u.plugin.kept()) / (1 << 20)}
			b.rows = append(b.rows, r)
			b.addCalls(fmt.Sprintf("growth%d", n), p, both)
			b.results.add(fmt.Sprintf("growth%d_memory", n), r.memory, "MiB")
		}
		return nil
	}, kind{by: inHost}, kind{by: byPlugin})
}
