package config

import (
	"net"
	"slices"
	"time"

	"github.com/byova-host/byova-host/host/certs"
	"github.com/byova-host/byova-host/host/session"
)

// check holds values against each other.
func (r *reader) check(c *Config) {
	r.checkTLS(c)
	r.checkPorts(c)
	r.checkCalls("calls", c.Calls)
	for _, id := range sorted(c.Agents) {
		r.checkCalls(join("agents", id), c.Agents[id])
	}
	for _, p := range c.Plugins {
		r.checkSum(p)
	}
	r.checkBYODS(c)
	r.checkSpeech(c)
}

// set reports whether the file or the environment says something of a key, right
// or wrong.
func (r *reader) set(key string) bool {
	_, set := r.where[key]
	return set
}

func (r *reader) checkTLS(c *Config) {
	cert, key := r.set("tls.cert"), r.set("tls.key")
	switch {
	case cert && !key:
		r.at("tls.cert", false, "stands without tls.key: name both or neither")
	case key && !cert:
		r.at("tls.key", false, "stands without tls.cert: name both or neither")
	case c.TLS.Cert != "" && c.TLS.Key != "":
		r.checkPair(c)
	}
	if c.TLS.Key != "" && openToAll(c.TLS.Key) {
		r.at("tls.key", true, "all users of this machine can read %s: chmod 600 it", c.TLS.Key)
	}
	if c.Ping.TLS && !cert && !key {
		r.at("ping.tls", false, "stands without tls.cert and tls.key: without them there is no TLS")
	}
	if r.set("tls.client_ca") && !cert && !key {
		r.at("tls.client_ca", false, "stands without tls.cert and tls.key: without them there is no TLS")
	}
	if len(c.TLS.ClientNames) > 0 && !r.set("tls.client_ca") {
		r.at("tls.client_names", false, "stands without tls.client_ca: without it no client is asked for a certificate")
	}
	if c.TLS.ClientCA != "" {
		if _, err := certs.LoadPool(c.TLS.ClientCA); err != nil {
			r.at("tls.client_ca", false, "%v: name a PEM file of certificates", err)
		}
	}
}

func (r *reader) checkPair(c *Config) {
	cert, key := certs.Check(c.TLS.Cert), certs.Check(c.TLS.Key)
	if cert != nil {
		r.at("tls.cert", false, "%v: name a PEM file of certificates", cert)
	}
	if key != nil {
		r.at("tls.key", false, "%v: name the PEM file of the certificate's private key", key)
	}
	if cert != nil || key != nil {
		return
	}
	pair, err := certs.LoadPair(c.TLS.Cert, c.TLS.Key)
	if err != nil {
		r.at("tls.cert", false, "%v: name a PEM certificate and the key that belongs to it", err)
		return
	}
	switch now, leaf := time.Now(), pair.Leaf; {
	case now.After(leaf.NotAfter):
		r.at("tls.cert", true, "the certificate expired on %s: renew it", leaf.NotAfter.Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		r.at("tls.cert", true, "the certificate is not valid before %s", leaf.NotBefore.Format(time.DateTime))
	}
}

// checkPorts holds that no two servers want one port.
func (r *reader) checkPorts(c *Config) {
	type server struct{ key, address, host, port string }
	var before []server
	for _, s := range []server{{key: "listen", address: c.Listen}, {key: "admin", address: c.Admin}, {key: "ping.listen", address: c.Ping.Listen},
		{key: "byods.webhook.listen", address: c.BYODS.Listen}} {
		var err error
		if s.host, s.port, err = net.SplitHostPort(s.address); err != nil || s.port == "0" {
			continue // unset, a socket, or one that is free
		}
		switch s.host {
		case "localhost":
			s.host = "127.0.0.1"
		case "0.0.0.0", "::":
			s.host = "" // all of the machine's
		}
		i := slices.IndexFunc(before, func(b server) bool {
			return b.port == s.port && (b.host == s.host || b.host == "" || s.host == "")
		})
		if i >= 0 {
			r.at(s.key, false, "%s takes the port of %s, %s: choose another", s.address, before[i].key, before[i].address)
		}
		before = append(before, s)
	}
}

// checkCalls holds the values of calls, or of an agent that says something of them,
// against each other.
func (r *reader) checkCalls(path string, c Calls) {
	own := func(keys ...string) bool {
		return slices.ContainsFunc(keys, func(key string) bool { return r.set(join(path, key)) })
	}
	if f := c.Fallback; f.Action == session.FallbackCustom && f.Name == "" && own("fallback.action", "fallback.name") {
		r.at(join(path, "fallback.name"), false, "is empty: name the event that fallback.action sends")
	}
	if c.FillerAfter > 0 && c.FillerAfter >= c.AnswerWithin && own("filler.after", "answer.within") {
		r.at(join(path, "filler.after"), true, "%s is not below answer.within, %s: the filler is never played",
			short(c.FillerAfter), short(c.AnswerWithin))
	}
}
