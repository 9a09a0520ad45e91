package main

// callRows break R1 to R10a: RPCs, identities, the start of a call.
var callRows = []row{
	{
		rule: "R1", pkg: engine, test: "TestR1_OneSessionForAllRPCs", what: "an entry begins a call of its own",
		file: "host/session/sessions.go",
		old:  "if e := s.live[first.Key]; e != nil {",
		new:  "if e := s.live[first.Key]; e != nil && first.Kind != DTMF {",
	},
	{
		rule: "R2", pkg: engine, test: "TestR2_EveryRPCIsCompleted", what: "a silent RPC is left open",
		file: "host/session/input.go",
		old:  "\tdefault:\n\t\ts.complete(rpc)\n",
		new:  "\tdefault:\n",
	},
	{
		rule: "R2", pkg: engine, test: "TestR2_EveryRPCIsCompleted", what: "the half-close discards the answer",
		file: "host/session/input.go",
		old:  "s.turn.untold, s.turn.listens = false, false // Webex knows",
		new:  "s.closeTurn(now, Answered, Response{})",
	},
	{
		rule: "R3", pkg: engine, test: "TestR3_AnswersStayOnTheirRPC", what: "the answer goes to the newest RPC",
		file: "host/session/ending.go",
		old:  "return s.turn.rpc\n",
		new:  "return s.rpcs[len(s.rpcs)-1].id\n",
	},
	{
		rule: "R4", pkg: engine, test: "TestR4_TheCallOutlivesItsRPCs", what: "the call ends with its last RPC",
		file: "host/session/state.go",
		old:  "s.due.gone = max(now, s.play.ends) + s.patience()",
		new:  "s.due.gone = now",
	},
	{
		rule: "R4", pkg: engine, test: "TestR4_TheCallOutlivesItsRPCs", what: "organisations share conversations",
		file: "host/session/sessions.go",
		old:  "for {\n\t\te, opening, err := s.place(ctx, t, first)",
		new:  "for first.Key.Org = \"org\"; ; {\n\t\te, opening, err := s.place(ctx, t, first)",
	},
	{
		rule: "R5", pkg: engine, test: "TestR5_RPCsTogether", what: "a second open RPC is refused",
		file: "host/session/session.go",
		old:  "const maxRPCs = 32",
		new:  "const maxRPCs = 1",
	},
	{
		rule: "R6", pkg: engine, test: "TestR6_Identities", what: "the agent may change",
		file: "host/session/session.go",
		old:  `case q.Agent != "" && q.Agent != s.state.agent:`,
		new:  `case false:`,
	},
	{
		rule: "R6", pkg: engine, test: "TestR6_Identities", what: "an RPC may change its conversation",
		file: "host/session/session.go",
		old:  "case q.Key != s.key:",
		new:  "case q.Key.Org != s.key.Org:",
	},
	{
		rule: "R6", pkg: engine, test: "TestR6_Identities", what: "an RPC may change its organisation",
		file: "host/session/session.go",
		old:  "case q.Key != s.key:",
		new:  "case q.Key.Conversation != s.key.Conversation:",
	},
	{
		rule: "R6", pkg: engine, test: "TestR6_Identities", what: "a call needs no conversation_id",
		file: "host/session/sessions.go",
		old:  `case first.Key.Conversation == "":`,
		new:  `case false:`,
	},
	{
		rule: "R7", pkg: engine, test: "TestR7_ControlHubsText", what: "the text of Control Hub is lost",
		file: "host/session/input.go",
		old:  "VendorConfig: q.VendorConfig, ",
		new:  "",
	},
	{
		rule: "R8", pkg: engine, test: "TestR8_TheWelcomeFollowsTheHalfClose", what: "the welcome does not wait",
		file: "host/session/input.go",
		old:  "if s.rpc(rpc).halfClosed {",
		new:  "if s.rpc(rpc) != nil {",
	},
	{
		rule: "R8", pkg: engine, test: "TestR8_TheWelcomeFollowsTheHalfClose", what: "the welcome waits for ever",
		file: "host/session/input.go",
		old:  "s.due.greet = now + s.limits.greetWait",
		new:  "s.due.greet = never",
	},
	{
		rule: "R9", pkg: engine, test: "TestR9_Greeting", what: "the bot's wishes for the first input are lost",
		file: "host/session/state.go",
		old:  "\tinput := s.told\n\tlast.Type",
		new:  "\tinput := s.Input\n\tlast.Type",
	},
	{
		rule: "R10", pkg: engine, test: "TestR10_StartedTwice", what: "a second start is a return of the flow",
		file: "host/session/input.go",
		old:  "if s.phase != away && s.leaving == nil && !s.ungreeted {\n",
		new:  "if s.phase == unborn {\n",
	},
	{
		rule: "R10a", pkg: engine, test: "TestR10a_UnknownConversations", what: "the bot is not told that the call is older",
		file: "host/session/input.go",
		old:  "if q.Kind != SessionStart {\n\t\tresumed",
		new:  "if false {\n\t\tresumed",
	},
	{
		rule: "R10a", pkg: engine, test: "TestR10a_UnknownConversations", what: "the input that resumes a call is lost",
		file: "host/session/input.go",
		old:  "\t\ts.born(now, q)\n\t\tif q.Kind == SessionStart {\n\t\t\ts.awaitGreeting(now, rpc)\n\t\t\treturn\n\t\t}\n",
		new:  "\t\ts.born(now, q)\n\t\tif q.Kind == SessionStart {\n\t\t\ts.awaitGreeting(now, rpc)\n\t\t}\n\t\treturn\n",
	},
	{
		rule: "R10a", pkg: engine, test: "TestR10a_UnknownConversations", what: "a call that was given up gets nothing but completions",
		file: "host/session/sessions.go",
		old:  "!session.state.mayReturn())",
		new:  "true)",
	},
	{
		rule: "R10a", pkg: engine, test: "TestR10a_Reject", what: "the setting reject does nothing",
		file: "host/session/sessions.go",
		old:  "case first.Kind != SessionStart && s.config.RejectUnknown:",
		new:  "case false:",
	},
	{
		rule: "R10a", pkg: engine, test: "TestR10a_Reject", what: "a hang-up begins a call",
		file: "host/session/sessions.go",
		old:  "case first.Kind == SessionEnd:\n",
		new:  "case false:\n",
	},
}
