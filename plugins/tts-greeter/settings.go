package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// settings are the plugin's section of the host's configuration.
type settings struct {
	Greetings []greeting          `json:"greetings"` // the first that fits, and has all it needs, is said
	Language  string              `json:"language"`  // of all texts; empty: the call's
	Timezone  string              `json:"timezone"`  // of the hours; empty: the machine's
	Fields    map[string][]string `json:"fields"`    // of the templates: the parameters of the call that they are taken from
	Then      string              `json:"then"`      // listen, menu, transfer or end
	Reason    string              `json:"reason"`    // of the transfer
	Menu      menu                `json:"menu"`
	Attempts  int                 `json:"attempts"` // the time that ends it
	Goodbye   string              `json:"goodbye"`
	GiveUp    string              `json:"give_up"`  // end or transfer
	Unspoken  string              `json:"unspoken"` // what becomes of a call of which a text cannot be spoken: go_on or transfer

	zone *time.Location
}

// greeting is said to the callers that it fits.
type greeting struct {
	Org      string `json:"org"`      // empty: all
	Language string `json:"language"` // of the call; de fits de-AT; empty: all
	Hours    string `json:"hours"`    // from-to, as 8-18 or 22-6; empty: all
	Text     string `json:"text"`     // a template: Hello {{.Caller}}

	from, to int
	template *template.Template
}

type menu struct {
	Prompt  string            `json:"prompt"`
	Invalid string            `json:"invalid"` // said before the prompt to one who said or pressed something else
	Keys    map[string]choice `json:"keys"`
}

// choice is what a key does: it says something, and then one of the others, or the menu
// comes again.
type choice struct {
	Say      string         `json:"say"`
	Transfer string         `json:"transfer"` // the reason
	Event    string         `json:"event"`    // a custom event of that name
	End      bool           `json:"end"`
	Metadata map[string]any `json:"metadata"` // of the transfer or the event
}

// What is said where nothing else is configured: the host has recordings of it.
const (
	bundled = "Hello, you have reached byova-host. Please speak, or press a key."
	goodbye = "Thank you for calling. Goodbye."
	invalid = "That is not a valid choice."
)

// read reads the settings and says all that is wrong with them.
func read(given plugin.Settings) (settings, error) {
	s := settings{
		Then: "listen", Attempts: 3, Goodbye: goodbye, GiveUp: "end", Unspoken: "go_on", Reason: "greeted", Menu: menu{Invalid: invalid},
		Fields: map[string][]string{"Caller": {"caller", "ani"}, "EntryPoint": {"entry_point", "dnis"}},
	}
	if err := given.Decode(&s); err != nil {
		return s, err
	}
	err := errors.Join(
		oneOf("then", s.Then, "listen", "menu", "transfer", "end"),
		oneOf("give_up", s.GiveUp, "end", "transfer"),
		oneOf("unspoken", s.Unspoken, "go_on", "transfer"),
		s.Menu.check(s.Then == "menu"),
	)
	if s.Attempts < 1 || s.Attempts > 20 {
		err = errors.Join(err, wrong("attempts", "is %d: write 1 to 20", s.Attempts))
	}
	zone, zoneErr := time.LoadLocation(s.Timezone)
	if s.Timezone == "" {
		zone, zoneErr = time.Local, nil
	}
	if s.zone = zone; zoneErr != nil {
		err = errors.Join(err, wrong("timezone", "%q is unknown: write one like Europe/Berlin", s.Timezone))
	}
	for i := range s.Greetings {
		err = errors.Join(err, s.Greetings[i].parse(fmt.Sprintf("greetings[%d]", i)))
	}
	return s, err
}

func wrong(field, format string, args ...any) error {
	return &plugin.FieldError{Field: field, Message: fmt.Sprintf(format, args...)}
}

func oneOf(field, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return wrong(field, "is %q: write %s", value, strings.Join(known, " or "))
}

func (m menu) check(used bool) (err error) {
	if used && (m.Prompt == "" || len(m.Keys) == 0) {
		err = wrong("menu", "needs a prompt, and keys to press: then is menu")
	}
	for _, key := range slices.Sorted(maps.Keys(m.Keys)) {
		c, field := m.Keys[key], "menu.keys."+key
		if key == "" || strings.Trim(key, "0123456789*#ABCD") != "" {
			err = errors.Join(err, wrong(field, "%q is no entry of keys: write it as \"1\"", key))
		}
		acts := 0
		for _, set := range []bool{c.Transfer != "", c.Event != "", c.End} {
			if set {
				acts++
			}
		}
		if acts > 1 || acts == 0 && c.Say == "" {
			err = errors.Join(err, wrong(field, "does %d things: write one of transfer, event, end, or say alone", acts))
		}
	}
	return err
}

func (g *greeting) parse(field string) (err error) {
	if strings.TrimSpace(g.Text) == "" {
		err = wrong(field+".text", "is empty: write what is to be said")
	}
	var parseErr error
	if g.template, parseErr = template.New("greeting").Option("missingkey=error").Parse(g.Text); parseErr != nil {
		err = errors.Join(err, wrong(field+".text", "%v", parseErr))
	}
	if g.Hours == "" {
		return err
	}
	from, to, _ := strings.Cut(g.Hours, "-")
	var errFrom, errTo error
	g.from, errFrom = strconv.Atoi(from)
	g.to, errTo = strconv.Atoi(to)
	if errFrom != nil || errTo != nil || g.from < 0 || g.from > 23 || g.to < 0 || g.to > 24 || g.from == g.to {
		err = errors.Join(err, wrong(field+".hours", "is %q: write whole hours like 8-18, or 22-6", g.Hours))
	}
	return err
}

// fits says whether a greeting is for a call that comes at some hour.
func (g *greeting) fits(info plugin.Info, hour int) bool {
	within := g.Hours == "" || hour >= g.from && hour < g.to || g.from > g.to && (hour >= g.from || hour < g.to)
	language := g.Language == "" || strings.EqualFold(info.Language, g.Language) ||
		strings.HasPrefix(strings.ToLower(info.Language), strings.ToLower(g.Language)+"-")
	return within && language && (g.Org == "" || g.Org == info.Org)
}

// greeting is what the caller is greeted with: the first that fits. One that lacks what its
// template needs is left out.
func (g *greeter) greeting() string {
	info := g.call.Info()
	fields := g.settings.fields(info)
	for i := range g.settings.Greetings {
		candidate := &g.settings.Greetings[i]
		if !candidate.fits(info, g.now().In(g.settings.zone).Hour()) {
			continue
		}
		text, why := candidate.say(fields)
		if why == "" {
			return text
		}
		g.call.Log().Warn("a greeting is left out: "+why, "greeting", i, "has", slices.Sorted(maps.Keys(fields)))
	}
	return bundled
}

// say fills in a greeting, or says why it cannot be said.
func (g *greeting) say(fields map[string]any) (text, why string) {
	ssml := isSSML(g.Text)
	if ssml {
		fields = escaped(fields).(map[string]any)
	}
	var b strings.Builder
	err := g.template.Execute(&b, fields)
	switch text = b.String(); {
	case err != nil:
		return "", "the call lacks what its template needs"
	case strings.TrimSpace(text) == "" || !utf8.ValidString(text):
		return "", "nothing that can be said came of its template"
	case len(text) > plugin.MaxText:
		return "", fmt.Sprintf("it has more than %d bytes", plugin.MaxText)
	case isSSML(text) && !ssml:
		return "", "a parameter of the call makes SSML of it"
	}
	return text, ""
}

func isSSML(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), "<speak") }

// escaped is a value whose texts can stand in SSML.
func escaped(value any) any {
	switch v := value.(type) {
	case string:
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(v)) // to memory
		return b.String()
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = escaped(v[i])
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(v))
		for name := range v {
			all[name] = escaped(v[name])
		}
		return all
	}
	return value
}

// fields are what templates may use: the parameters of the call by their own names and by
// those of the setting, and Org, Agent and Language. What is empty is not there.
func (s *settings) fields(info plugin.Info) map[string]any {
	given := map[string]any{}
	for name, value := range info.AdditionalInfo {
		given[name] = value
	}
	maps.Copy(given, info.Parameters)
	maps.Copy(given, map[string]any{"Org": info.Org, "Agent": info.Agent, "Language": info.Language})
	maps.DeleteFunc(given, func(_ string, value any) bool {
		text, isText := value.(string)
		return value == nil || isText && strings.TrimSpace(text) == ""
	})
	fields := maps.Clone(given)
	names := slices.Sorted(maps.Keys(given))
	for name, from := range s.Fields {
		for _, f := range from {
			if i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(f, n) }); i >= 0 {
				fields[name] = given[names[i]]
				break
			}
		}
	}
	return fields
}

// input has the caller press as many keys as the longest entry of the menu has. Where an
// entry has other keys than digits, none of them ends it.
func (s *settings) input() plugin.Input {
	in := plugin.Input{Mode: plugin.InputVoiceAndDTMF, DTMFLength: 1}
	for key := range s.Menu.Keys {
		in.DTMFLength = max(in.DTMFLength, len(key))
		if strings.ContainsAny(key, "*#ABCD") {
			in.Terminator = plugin.NoTerminator
		}
	}
	return in
}
