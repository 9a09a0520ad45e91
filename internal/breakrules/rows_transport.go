package main

// transportRows break R53 and R55 to R63: connections, status codes, logs.
var transportRows = []row{
	{
		rule: "R53", pkg: wire, test: "TestR53_SeveralConnections", what: "each connection has calls of its own",
		file: "host/rpc/server.go",
		old:  "\tticket := ctx.Value(ticketKey{}).(*session.Ticket)\n",
		new: "\tticket := ctx.Value(ticketKey{}).(*session.Ticket)\n" +
			"\tfrom, _ := peer.FromContext(ctx)\n\trequest.Key.Org += from.Addr.String()\n",
		also: []edit{
			{"\t\"google.golang.org/grpc/keepalive\"\n", "\t\"google.golang.org/grpc/keepalive\"\n\t\"google.golang.org/grpc/peer\"\n"},
		},
	},
	{
		rule: "R55", pkg: wire, test: "TestR55_Keepalive", what: "pings without an RPC are refused",
		file: "host/rpc/server.go",
		old:  "PermitWithoutStream: true,",
		new:  "PermitWithoutStream: false,",
	},
	{
		rule: "R55", pkg: wire, test: "TestR55_Keepalive", what: "pings every 10 seconds are refused",
		file: "host/rpc/server.go",
		old:  "MinTime: 5 * time.Second,",
		new:  "MinTime: time.Minute,",
	},
	{
		rule: "R55", pkg: wire, test: "TestR55_Keepalive", what: "connections grow too old",
		file: "host/rpc/server.go",
		old:  "keepalive.ServerParameters{Time: 30 * time.Second,",
		new:  "keepalive.ServerParameters{MaxConnectionAge: time.Minute, MaxConnectionAgeGrace: time.Minute, Time: 30 * time.Second,",
	},
	{
		rule: "R56", pkg: wire, test: "TestR56_Sizes", what: "audio is not read while the bot thinks",
		file: "host/session/session.go",
		old:  "rpc.heard(in.request.cost())",
		new:  "_ = rpc",
	},
	{
		rule: "R56", pkg: wire, test: "TestR56_Sizes", what: "requests have no largest size",
		file: "host/rpc/server.go",
		old:  "const maxRequest = 4 << 20",
		new:  "const maxRequest = 4 << 24",
	},
	{
		rule: "R57", pkg: wire, test: "TestR57_Tokens", what: "calls want no token",
		file: "host/rpc/server.go",
		old:  "\t\tgrpc.StreamInterceptor(agent.verifyStream),\n",
		new:  "\t\tgrpc.StreamInterceptor((&virtualAgent{log: log}).verifyStream),\n",
	},
	{
		rule: "R57", pkg: wire, test: "TestR57_Tokens", what: "the list of agents wants no token",
		file: "host/rpc/server.go",
		old:  "\t\tgrpc.UnaryInterceptor(agent.verifyUnary),\n",
		new:  "\t\tgrpc.UnaryInterceptor((&virtualAgent{log: log}).verifyUnary),\n",
	},
	{
		rule: "R57", pkg: wire, test: "TestR57_Tokens", what: "health wants a token",
		file: "host/rpc/verify.go",
		old:  "strings.HasPrefix(method, \"/\"+mediav1.VoiceVirtualAgent_ServiceDesc.ServiceName+\"/\")",
		new:  "strings.HasPrefix(method, \"/\"+mediav1.VoiceVirtualAgent_ServiceDesc.ServiceName[:3])",
	},
	{
		rule: "R57", pkg: wire, test: "TestR57_Tokens", what: "one organisation's token opens another's calls",
		file: "host/rpc/verify.go",
		old:  "if err := allows(org); err != nil {",
		new:  "if err := allows(org); err != nil && org == \"\" {",
	},
	{
		rule: "R57", pkg: wire, test: "TestR57_Tokens", what: "of two tokens the first counts",
		file: "host/rpc/verify.go",
		old:  "\tcase 1:\n\tdefault:\n",
		new:  "\tcase 1, 2:\n\tdefault:\n",
	},
	{
		rule: "R57", pkg: wire, test: "TestR57_Tokens", what: "who forges learns why it failed",
		file: "host/rpc/server.go",
		old:  "return status.Error(refusal.code, refusal.err.Error())",
		new:  "return status.Error(refusal.code, err.Error())",
	},
	{
		rule: "R58", pkg: wire, test: "TestR58_Agents", what: "every agent is the default",
		file: "host/rpc/server.go",
		old:  "IsDefault: a.Default,",
		new:  "IsDefault: true,",
	},
	{
		rule: "R58", pkg: wire, test: "TestR58_Agents", what: "nobody's agents are listed",
		file: "host/rpc/server.go",
		old:  `if q.GetCustomerOrgId() == "" {`,
		new:  `if false {`,
	},
	{
		rule: "R59", pkg: wire, test: "TestR59_Health", what: "a host that drains says SERVING",
		file: "host/rpc/server.go",
		old:  "func (s *Server) Drain() { s.health.Shutdown() }",
		new:  "func (s *Server) Drain() {}",
	},
	{
		rule: "R59", pkg: wire, test: "TestR59_Health", what: "Cisco's service says something else",
		file: "host/rpc/health.go",
		old:  "NOT_SERVING: ccaiv1.HealthCheckResponse_NOT_SERVING,",
		new:  "NOT_SERVING: ccaiv1.HealthCheckResponse_SERVING,",
	},
	{
		rule: "R60", pkg: wire, test: "TestR60_TLS", what: "old versions of TLS are taken",
		file: "host/certs/server.go",
		old:  "config := &tls.Config{MinVersion: tls.VersionTLS12,",
		new: "config := &tls.Config{MinVersion: tls.VersionTLS10, " + // with a cipher that they know
			"CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA},",
		also: []edit{{"\t\tMinVersion:         tls.VersionTLS12,\n", "\t\tMinVersion:         tls.VersionTLS10,\n"}},
	},
	{
		rule: "R60", pkg: wire, test: "TestR60_TLS", what: "clients need no certificate",
		file: "host/certs/server.go",
		old:  "config.ClientAuth = tls.RequireAndVerifyClientCert",
		new:  "config.ClientAuth = tls.VerifyClientCertIfGiven",
		also: []edit{{"if len(state.PeerCertificates) == 0 {\n\t\treturn errors.New(\"the client has no certificate\")", "if len(state.PeerCertificates) == 0 {\n\t\treturn errors.Join()"}},
	},
	{
		rule: "R60", pkg: wire, test: "TestR60_TLS", what: "certificates of any authority are taken",
		file: "host/certs/server.go",
		old:  "config.ClientAuth = tls.RequireAndVerifyClientCert",
		new:  "config.ClientAuth = tls.RequireAnyClientCert",
	},
	{
		rule: "R60", pkg: wire, test: "TestR60_TLS", what: "names are not looked at",
		file: "host/certs/server.go",
		old:  "\tconfig.VerifyConnection = f.admit\n",
		new:  "",
	},
	{
		rule: "R61", pkg: wire, test: "TestR61_StatusCodes", what: "an unknown agent is a bad request",
		file: "host/rpc/server.go",
		old:  "{session.ErrUnknownAgent, codes.NotFound},",
		new:  "{session.ErrUnknownAgent, codes.InvalidArgument},",
	},
	{
		rule: "R61", pkg: wire, test: "TestR61_StatusCodes", what: "any number of RPCs may be open",
		file: "host/session/session.go",
		old:  "const maxRPCs = 32",
		new:  "const maxRPCs = 33",
	},
	{
		rule: "R61", pkg: wire, test: "TestR61_StatusCodes", what: "the caller is told what is in the log",
		file: "host/rpc/server.go",
		old:  `return status.Error(codes.Internal, "internal error")`,
		new:  `return status.Error(codes.Internal, err.Error())`,
	},
	{
		rule: "R61", pkg: wire, test: "TestR61_StatusCodes", what: "a host that stops has failed",
		file: "host/rpc/server.go",
		old:  "{session.ErrStopped, codes.Unavailable},",
		new:  "{session.ErrStopped, codes.Internal},",
	},
	{
		rule: "R62", pkg: engine, test: "TestR62_IdleCalls", what: "idle calls are kept too long",
		file: "host/session/state.go",
		old:  "\t\treturn s.limits.idle\n",
		new:  "\t\treturn 1000 * s.limits.idle\n",
	},
	{
		rule: "R62", pkg: engine, test: "TestR62_IdleCalls", what: "a call that is listened to is given up",
		file: "host/session/state.go",
		old:  "case len(s.rpcs) > 0:\n\t\ts.due.gone = never\n",
		new:  "case false:\n",
	},
	{
		rule: "R62", pkg: engine, test: "TestR62_IdleCalls", what: "an RPC that comes as the call is given up is left open",
		file: "host/session/state.go",
		old:  "if s.phase == dead { // perhaps since just now\n",
		new:  "if s.phase == dead && len(s.outgoing) == 0 {\n",
	},
	{
		rule: "R63", pkg: wire, test: "TestR63_Logs", what: "RPCs have no tracking id",
		file: "host/session/session.go",
		old:  `"rpc", int(rpc.id), "trackingid", first.Tracking)`,
		new:  `"rpc", int(rpc.id))`,
	},
	{
		rule: "R63", pkg: wire, test: "TestR63_RefusedRPCs", what: "an RPC that is refused has no tracking id",
		file: "host/rpc/server.go",
		old:  "\"trackingid\", trackingID(ctx), \"error\", err)",
		new:  "\"error\", err)",
	},
	{
		rule: "R63", pkg: wire, test: "TestR63_RefusedRPCs", what: "every RPC that breaks off is logged as refused",
		file: "host/rpc/server.go",
		old:  "if status.Code(refusal) != codes.Canceled {",
		new:  "if !errors.Is(err, context.Canceled) {",
	},
	{
		rule: "R63", pkg: wire, test: "TestR63_Logs", what: "keys are logged",
		file: "host/session/session.go",
		old:  `"rpc", int(rpc.id), "trackingid", first.Tracking)`,
		new:  `"rpc", int(rpc.id), "trackingid", first.Tracking, "digits", first.Digits)`,
	},
}
