package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// Settings is the plugin's section of the host's configuration, the settings below its name.
// The zero Settings has none. It does not change and may be used concurrently.
type Settings struct{ fields *structpb.Struct }

// SettingsOf makes settings of values as Map returns them, to try a Configure func in a
// test. Integers are taken as well and become float64; a value of another type, such as a
// struct or a []string, is an error.
func SettingsOf(values map[string]any) (Settings, error) {
	fields, err := structpb.NewStruct(values)
	if err != nil {
		return Settings{}, fmt.Errorf("make settings: %w", err)
	}
	return Settings{fields}, nil
}

// Decode stores the settings in v, a pointer to a struct, by the rules of
// encoding/json. A setting that the struct does not have is a *FieldError, and so is
// one of the wrong kind; both name the setting and can be returned from Configure as they
// are. Fields without a setting keep what they hold, so fill in defaults before.
func (s Settings) Decode(v any) error {
	text, err := json.Marshal(s.Map())
	if err != nil {
		return fmt.Errorf("decode settings: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(v)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &FieldError{Field: wrong.Field, Message: fmt.Sprintf("is a %s, must be a %v", wrong.Value, wrong.Type)}
	}
	if err != nil {
		// encoding/json has no type for this one.
		if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return &FieldError{Field: strings.Trim(field, `"`), Message: "is not a setting of this plugin"}
		}
		return fmt.Errorf("decode settings: %w", err)
	}
	return nil
}

// Map returns a copy of the settings as maps, slices, strings, float64, bool and nil, as
// encoding/json does. It is empty and not nil where there are none.
func (s Settings) Map() map[string]any { return s.fields.AsMap() }

// configure calls the author's func and sorts out what it says.
func (p Plugin) configure(ctx context.Context, fields *structpb.Struct) []*pluginv1.FieldError {
	settings := Settings{fields}
	var err error
	if p.Configure != nil {
		err = p.Configure(ctx, settings)
	} else {
		for _, name := range slices.Sorted(maps.Keys(settings.Map())) {
			err = errors.Join(err, &FieldError{Field: name, Message: "this plugin takes no settings"})
		}
	}
	found := fieldErrors(err)
	if len(found) == 0 && err != nil {
		found = []*pluginv1.FieldError{{Message: err.Error()}}
	}
	return found
}

// fieldErrors finds all FieldErrors in a tree of errors.
func fieldErrors(err error) []*pluginv1.FieldError {
	switch err := err.(type) { //nolint:errorlint // it walks the tree itself
	case nil:
		return nil
	case *FieldError:
		return []*pluginv1.FieldError{{Field: err.Field, Message: err.Message}}
	case interface{ Unwrap() []error }:
		var all []*pluginv1.FieldError
		for _, each := range err.Unwrap() {
			if found := fieldErrors(each); len(found) > 0 {
				all = append(all, found...)
			} else if each != nil {
				all = append(all, &pluginv1.FieldError{Message: each.Error()})
			}
		}
		return all
	case interface{ Unwrap() error }:
		return fieldErrors(err.Unwrap())
	default:
		return nil
	}
}
