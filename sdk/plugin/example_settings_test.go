package plugin_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// The settings of a bot, with a default. They are checked by Plugin.Configure, which is
// tried here as a test would.
func ExampleSettings() {
	config := struct {
		Voice struct {
			Language string `json:"language"`
		} `json:"voice"`
		Retries int `json:"retries"`
	}{Retries: 2}
	configure := func(_ context.Context, settings plugin.Settings) error { return settings.Decode(&config) }

	settings, err := plugin.SettingsOf(map[string]any{"voice": map[string]any{"language": "de"}})
	fmt.Println(err, configure(context.Background(), settings))
	fmt.Println(config.Voice.Language, config.Retries)
	// Output:
	// <nil> <nil>
	// de 2
}

// What is wrong with a setting is said with its name.
func ExampleSettings_Decode() {
	var config struct {
		Voice struct {
			Language string `json:"language"`
		} `json:"voice"`
	}
	for _, values := range []map[string]any{
		{"voice": map[string]any{"language": 7}},
		{"vioce": map[string]any{"language": "de"}},
	} {
		settings, err := plugin.SettingsOf(values)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(settings.Decode(&config))
	}
	// Output:
	// voice.language: is a number, must be a string
	// vioce: is not a setting of this plugin
}

// Settings whose names the bot does not know before, such as a menu.
func ExampleSettings_Map() {
	settings, err := plugin.SettingsOf(map[string]any{"1": "sales", "2": "support"})
	if err != nil {
		fmt.Println(err)
		return
	}
	menu := settings.Map()
	fmt.Println(len(menu), menu["2"])
	// Output: 2 support
}

// All that is wrong is said at once.
func ExampleFieldError() {
	check := func(language string, retries int) (err error) {
		if language == "" {
			err = errors.Join(err, &plugin.FieldError{Field: "voice.language", Message: "must be set"})
		}
		if retries < 0 {
			err = errors.Join(err, &plugin.FieldError{Field: "retries", Message: "must not be negative"})
		}
		return err
	}
	fmt.Println(check("", -1))
	if wrong, ok := errors.AsType[*plugin.FieldError](check("", 0)); ok {
		fmt.Println(wrong.Error())
	}
	// Output:
	// voice.language: must be set
	// retries: must not be negative
	// voice.language: must be set
}
