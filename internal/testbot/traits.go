package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// What a build may set; see the package's documentation.
var (
	version       = "1.0.0"
	resume        = "none"
	stateVersion  = "1"
	readsVersions = ""
	first         = ""
)

var resumes = map[string]plugin.Resume{
	"none": plugin.ResumeNone, "stateless": plugin.ResumeStateless, "saved": plugin.ResumeSaved, "reconnect": plugin.ResumeReconnect,
}

// describe is the plugin as the build wants it.
func describe() (plugin.Plugin, error) {
	p := plugin.Plugin{
		Name: "testbot", Version: version, Agents: agents(), Resume: resumes[resume],
		Audio: plugin.AudioUtterances, Configure: configure, Suspend: suspend, Handler: plugin.CallFunc(serve),
	}
	if p.Resume == plugin.ResumeAuto {
		return p, fmt.Errorf("main.resume is %q, must be none, stateless, saved or reconnect", resume)
	}
	if first != "" && p.Agents[0].ID != first {
		return p, fmt.Errorf("main.first is %q, which is no agent", first)
	}
	own, err := versions("main.stateVersion", stateVersion)
	if err != nil {
		return p, err
	}
	p.StateVersion = own[0]
	if readsVersions != "" {
		p.ReadsStateVersions, err = versions("main.readsVersions", readsVersions)
	}
	return p, err
}

func versions(name, list string) (all []uint32, err error) {
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%s is %q, must be whole numbers with commas between them", name, list)
		}
		all = append(all, uint32(n))
	}
	return all, nil
}

func agents() (all []plugin.Agent) {
	for _, b := range behaviours {
		a := plugin.Agent{ID: b.id, Name: "Test: " + b.id}
		if b.id == first {
			all = slices.Insert(all, 0, a)
		} else {
			all = append(all, a)
		}
	}
	return all
}

func suspend(_ context.Context, call *plugin.Call) error {
	if call.Info().Agent == "stubborn" {
		return errors.New("the stubborn agent keeps its calls")
	}
	return nil
}
