package main

import (
	"strings"
	"testing"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

func TestSettings(t *testing.T) {
	for _, test := range []struct {
		name     string
		settings map[string]any
		bad      string
	}{
		{"none", nil, ""},
		{"unknown", map[string]any{"greting": "x"}, "greting: is not a setting"},
		{"then", map[string]any{"then": "sing"}, `then: is "sing": write listen or menu or transfer or end`},
		{"menu without keys", map[string]any{"then": "menu", "menu": map[string]any{"prompt": "x"}}, "menu: needs a prompt, and keys"},
		{"a key that is none", map[string]any{"menu": map[string]any{"keys": map[string]any{"x": map[string]any{"end": true}}}}, "menu.keys.x"},
		{"a key that does two things", map[string]any{"menu": map[string]any{"keys": map[string]any{"1": map[string]any{"end": true, "transfer": "a"}}}}, "does 2 things"},
		{"a key that does nothing", map[string]any{"menu": map[string]any{"keys": map[string]any{"1": map[string]any{}}}}, "does 0 things"},
		{"template", map[string]any{"greetings": []any{map[string]any{"text": "Hello {{.Caller"}}}, "greetings[0].text: template"},
		{"empty text", map[string]any{"greetings": []any{map[string]any{"text": " "}}}, "greetings[0].text: is empty"},
		{"hours", map[string]any{"greetings": []any{map[string]any{"text": "x", "hours": "8-25"}}}, "greetings[0].hours"},
		{"timezone", map[string]any{"timezone": "Mars/Olympus"}, "timezone"},
		{"attempts", map[string]any{"attempts": 0}, "attempts: is 0"},
	} {
		given, err := plugin.SettingsOf(test.settings)
		if err != nil {
			t.Fatal(err)
		}
		switch _, err := read(given); {
		case test.bad == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.bad != "" && (err == nil || !strings.Contains(err.Error(), test.bad)):
			t.Errorf("%s: %v, want %q", test.name, err, test.bad)
		}
	}
}

func TestFits(t *testing.T) {
	austrian := plugin.Info{Org: "o", Language: "de-AT"}
	for _, test := range []struct {
		greeting greeting
		hour     int
		want     bool
	}{
		{greeting{}, 3, true},
		{greeting{Org: "o"}, 3, true},
		{greeting{Org: "p"}, 3, false},
		{greeting{Language: "de"}, 3, true},
		{greeting{Language: "de-at"}, 3, true},
		{greeting{Language: "de-DE"}, 3, false},
		{greeting{Language: "d"}, 3, false},
		{greeting{Hours: "8-18"}, 8, true},
		{greeting{Hours: "8-18"}, 18, false},
		{greeting{Hours: "22-6"}, 23, true},
		{greeting{Hours: "22-6"}, 5, true},
		{greeting{Hours: "22-6"}, 6, false},
	} {
		g := test.greeting
		g.Text = "x"
		if err := g.parse("g"); err != nil {
			t.Fatal(err)
		}
		if got := g.fits(austrian, test.hour); got != test.want {
			t.Errorf("%+v at %d: %t, want %t", test.greeting, test.hour, got, test.want)
		}
	}
}

// TestFields holds what templates may say.
func TestFields(t *testing.T) {
	given, err := plugin.SettingsOf(map[string]any{"fields": map[string]any{"City": []any{"customer_city"}}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := read(given)
	if err != nil {
		t.Fatal(err)
	}
	fields := s.fields(plugin.Info{Org: "o", Agent: "a", AdditionalInfo: map[string]string{"DNIS": "+49 30 1"},
		Parameters: map[string]any{"ANI": "+49 40 2", "Customer_City": "Bonn", "n": 3.0, "Org": "another"}})
	for name, want := range map[string]any{"Caller": "+49 40 2", "EntryPoint": "+49 30 1", "City": "Bonn", "Org": "o", "Agent": "a", "n": 3.0} {
		if fields[name] != want {
			t.Errorf("%s is %v, want %v", name, fields[name], want)
		}
	}
	if _, there := fields["Language"]; there {
		t.Error("a call without a language has one")
	}
	if s.zone != time.Local {
		t.Errorf("zone %v", s.zone)
	}
}

// TestFieldOrder: the first parameter of a list that says something counts, whatever else a
// call has.
func TestFieldOrder(t *testing.T) {
	s := settings{Fields: map[string][]string{"Caller": {"name", "ani"}, "City": {"caller"}}}
	for range 50 { // maps have no order
		for _, test := range []struct {
			parameters map[string]any
			want       any
		}{
			{map[string]any{"ani": "1", "name": "Ann", "caller": "x"}, "Ann"},
			{map[string]any{"ani": "1", "name": " "}, "1"},
			{map[string]any{"ani": "1", "name": nil}, "1"},
			{map[string]any{"ani": ""}, nil},
		} {
			fields := s.fields(plugin.Info{Parameters: test.parameters})
			if fields["Caller"] != test.want {
				t.Fatalf("of %v the caller is %v, want %v", test.parameters, fields["Caller"], test.want)
			}
			if city, there := fields["City"]; there && city != "x" {
				t.Fatalf("City is %v: it was taken from a field, not from a parameter", city)
			}
		}
	}
}

// TestSay holds what comes of templates and of what a call brings.
func TestSay(t *testing.T) {
	fields := map[string]any{"Name": `A & <b>`, "Blank": " ", "Long": strings.Repeat("x", plugin.MaxText), "Speak": "<speak>", "Deep": map[string]any{"List": []any{"<"}, "N": 1.0}}
	for _, test := range []struct{ text, want, bad string }{
		{"Hello {{.Name}}.", "Hello A & <b>.", ""},
		{"<speak>Hello {{.Name}}.</speak>", "<speak>Hello A &amp; &lt;b&gt;.</speak>", ""},
		{"<speak>{{index .Deep.List 0}}{{.Deep.N}}</speak>", "<speak>&lt;1</speak>", ""},
		{"Hello {{.Nobody}}.", "", "lacks"},
		{"{{.Blank}}", "", "nothing that can be said"},
		{"{{if .Blank}}\xff{{end}}", "", "nothing that can be said"},
		{"a {{.Long}}", "", "bytes"},
		{"{{.Speak}}a</speak>", "", "SSML"},
	} {
		g := greeting{Text: test.text}
		if err := g.parse("g"); err != nil {
			t.Fatal(err)
		}
		text, why := g.say(fields)
		if text != test.want || (why == "") != (test.bad == "") || !strings.Contains(why, test.bad) {
			t.Errorf("%q says %q, %q, want %q, %q", test.text, text, why, test.want, test.bad)
		}
	}
}
