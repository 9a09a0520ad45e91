package main

// listenRows break R11 to R19: overlap, audio, the edges of speech.
var listenRows = []row{
	{
		rule: "R11", pkg: engine, test: "TestR11_OverlappingRPCs", what: "nothing is heard while an answer is sent",
		file: "host/session/state.go",
		old:  "if last == nil || last.taken ||",
		new:  "if last == nil || last.taken || s.turn != nil ||",
	},
	{
		rule: "R11", pkg: engine, test: "TestR11_OverlappingRPCs", what: "nothing is heard before the greeting",
		file: "host/session/speech.go",
		old:  "if r.ended || len(q.Audio) == 0 ||",
		new:  "if s.greeting != 0 || s.turn != nil && s.turn.cause == ByStart || r.ended || len(q.Audio) == 0 ||",
	},
	{
		rule: "R11", pkg: engine, test: "TestR11_OverlappingRPCs", what: "the greeting interrupts who spoke before it",
		file: "host/session/turn.go",
		old:  "\tdefault:\n\t\ts.greet(now)\n",
		new:  "",
	},
	{
		rule: "R12", pkg: engine, test: "TestR12_AudioIsNotSpeech", what: "the first audio is speech",
		file: "host/session/speech.go",
		old:  "\tr.heard = true\n",
		new:  "\tif !r.heard {\n\t\ts.startSpeech(now, rpc, now)\n\t}\n\tr.heard = true\n",
	},
	{
		rule: "R12", pkg: engine, test: "TestR12_AudioIsNotSpeech", what: "words are heard where keys alone are asked for",
		file: "host/session/speech.go",
		old:  "case e.Kind == audio.SpeechStart && s.told.Mode == DTMFOnly:",
		new:  "case false:",
	},
	{
		rule: "R13", pkg: engine, test: "TestR13_NoInputDuringAProtectedPrompt", what: "a protected prompt is cut",
		file: "host/session/turn.go",
		old:  "return s.saying.leave || p != nil && !p.bargeIn",
		new:  "return s.saying.leave",
	},
	{
		rule: "R35", pkg: engine, test: "TestR35_EntriesWithoutAFirstKey", what: "an entry cuts a protected answer that is not whole",
		file: "host/session/input.go",
		old:  "if s.turn != nil && s.protected(now) { // as",
		new:  "if s.turn == nil && s.turn != nil { // as",
	},
	{
		rule: "R13", pkg: engine, test: "TestR13_WhereAudioComesLate", what: "a protected prompt is cut where its audio comes late",
		file: "host/session/playback.go",
		old:  "\t\t\tpausing = p\n",
		new:  "\t\t\tcontinue\n",
	},
	{
		rule: "R14", pkg: engine, test: "TestR14_CallerAudio", what: "half a sample at the end of a frame is lost",
		file: "host/session/speech.go",
		old:  "s.half = append([]byte(nil), data[n:]...)",
		new:  "s.half = nil",
	},
	{
		rule: "R14", pkg: engine, test: "TestR14_CallerAudio", what: "the format counts for the message alone that names it",
		file: "host/session/speech.go",
		old:  "r.format.Normal()",
		new:  "q.Format.Normal()",
	},
	{
		rule: "R14", pkg: wire, test: "TestR14_EncodingsOnTheWire", what: "A-law is taken for mu-law",
		file: "host/rpc/convert.go",
		old:  "return audio.ALaw, nil",
		new:  "return audio.MuLaw, nil",
	},
	{
		rule: "R15", pkg: engine, test: "TestR15_StartOfInput", what: "START_OF_INPUT has no configuration",
		file: "host/session/speech.go",
		old:  "Event: StartOfInput, Input: &input}",
		new:  "Event: StartOfInput, Input: map[*InputConfig]*InputConfig{}[&input]}",
	},
	{
		rule: "R15", pkg: engine, test: "TestR15_StartOfInput", what: "START_OF_INPUT is sent on the older RPC",
		file: "host/session/speech.go",
		old:  "s.respond(rpc, Response{Type: EventOnly, Event: StartOfInput",
		new:  "s.respond(rpc-1, Response{Type: EventOnly, Event: StartOfInput",
	},
	{
		rule: "R16", pkg: engine, test: "TestR16_EndOfInput", what: "what follows END_OF_INPUT is heard",
		file: "host/session/speech.go",
		old:  "input := s.answering(rpc) && (s.turn.inputOpen || s.turn.listens)\n\tif r.ended || ",
		new:  "input := s.answering(rpc)\n\tif ",
		also: []edit{{"len(data) > 0 && !r.ended; {", "len(data) > 0; {"}},
	},
	{
		rule: "R16", pkg: engine, test: "TestR16_EndOfInput", what: "words have no longest time",
		file: "host/session/speech.go",
		old:  "s.speech.now-t.speechAt >= s.told.MaxSpeech {",
		new:  "s.speech.now-t.speechAt >= 2*s.told.MaxSpeech {",
	},
	{
		rule: "R17", pkg: engine, test: "TestR17_WhenInputEnds", what: "END_OF_INPUT always waits for the answer",
		file: "host/session/speech.go",
		old:  "if s.EndOfInput == AtSilence {",
		new:  "if false {",
	},
	{
		rule: "R17", pkg: engine, test: "TestR17_WhenInputEnds", what: "prompts come before END_OF_INPUT",
		file: "host/session/command.go",
		old:  "\t\ts.tellEndOfInput(now)\n\t\tp.queued += r.bytes()\n",
		new:  "\t\tp.queued += r.bytes()\n",
	},
	{
		rule: "R17", pkg: engine, test: "TestR17_WhenInputEnds", what: "who adds to what was said begins again",
		file: "host/session/speech.go",
		old:  "r.started = true",
		new:  "r.started = false",
	},
	{
		rule: "R18", pkg: engine, test: "TestR18_AnswersBeforeTheHalfClose", what: "the answer waits for the half-close",
		file: "host/session/turn.go",
		old:  "\ts.finish(t.rpc, last)\n",
		new:  "\tif r := s.rpc(t.rpc); r != nil && r.halfClosed {\n\t\ts.finish(t.rpc, last)\n\t}\n",
	},
	{
		rule: "R19", pkg: engine, test: "TestR19_Endpointing", what: "every cough is speech",
		file: "host/session/speech.go",
		old:  "audio.Endpointing{Start: settings.SpeechStart, ",
		new:  "audio.Endpointing{",
	},
	{
		rule: "R19", pkg: engine, test: "TestR19_Endpointing", what: "the bot's wish for an end does nothing",
		file: "host/session/command.go",
		old:  "s.speech.endpointer.SetEndSilence(s.wished.EndSilence)",
		new:  "_ = given",
	},
}
