package session

import "time"

// noInput takes Webex's word that the caller was silent for too long.
func (s *state) noInput(now time.Duration, rpc rpcID, r *rpcState) {
	if s.answering(rpc) {
		return // speech was found meanwhile, or the host has counted this silence
	}
	if s.stale(r) || s.turn != nil || s.play.current(now) != nil || s.justCounted(now) {
		s.flushWaiting(now, rpc)
		s.final(rpc) // past: input or an answer came meanwhile
		return
	}
	s.silence(now, rpc, false)
}

// justCounted says that the host has counted this silence itself.
func (s *state) justCounted(now time.Duration) bool {
	return s.counted > 0 && now-s.counted < s.NoInputBackstop
}

// silence opens the turn in which the bot may say something to a silent caller.
// Listens says that Webex goes on sending audio on this RPC.
func (s *state) silence(now time.Duration, rpc rpcID, listens bool) {
	count := s.silences + 1
	t := s.openTurn(now, rpc, ByNoInput)
	t.listens = listens
	s.silences = count
	s.tell(now, NoInput{Turn: t.id, Count: count})
	s.endInput(now)
}

// quietUntil is when Webex should have reported no input: it counts from the end
// of playback or of what may be an entry, and needs an RPC that is listened to,
// because nothing can be said on another.
func (s *state) quietUntil() time.Duration {
	if s.NoInputBackstop <= 0 || s.told.NoInput <= 0 || s.phase != live || s.turn != nil || s.leaving != nil || s.botGone {
		return never
	}
	r := s.rpc(s.listening())
	if r == nil || !r.heard || s.play.queued() {
		return never
	}
	return max(s.quiet, r.since, s.play.ends) + s.told.NoInput + s.NoInputBackstop
}

// backstop counts a silence that Webex has not reported.
func (s *state) backstop(now time.Duration) {
	s.due.quiet = never
	if rpc := s.listening(); rpc != 0 {
		s.counted = now
		s.silence(now, rpc, true)
	}
}
