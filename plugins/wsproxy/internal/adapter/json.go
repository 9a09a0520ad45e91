package adapter

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// object is a JSON object that is written.
type object = map[string]any

// errBinary is for protocols that have text only.
var errBinary = errors.New("a binary message, where the protocol has text only")

// decodeText reads a JSON object out of a message.
func decodeText(m Message, v any) error {
	if m.Binary {
		return errBinary
	}
	return decodeJSON(m.Data, v)
}

// decodeJSON reads a JSON object. Its errors say where, and nothing of the content.
func decodeJSON(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s is a %s", wrong.Field, wrong.Value)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("no JSON: it breaks off or is wrong at byte %d", syntax.Offset)
	}
	return err
}

// decodeAudio reads audio in base64, with or without the padding.
func decodeAudio(text string) ([]byte, error) {
	audio, err := base64.StdEncoding.DecodeString(text)
	if wrong, ok := errors.AsType[base64.CorruptInputError](err); ok {
		if audio, err := base64.RawStdEncoding.DecodeString(text); err == nil {
			return audio, nil
		}
		return nil, fmt.Errorf("audio is no base64: byte %d", int64(wrong))
	}
	return audio, err
}

func encodeAudio(audio []byte) string { return base64.StdEncoding.EncodeToString(audio) }

// merge puts what an operator wrote over what an adapter makes, object by object.
func merge(base, over object) object {
	merged := maps.Clone(base)
	for key, value := range over {
		inner, isObject := value.(object)
		if before, ok := merged[key].(object); ok && isObject {
			value = merge(before, inner)
		}
		merged[key] = value
	}
	return merged
}

// muLaw is what callers' audio is, and what plays without conversion.
var muLaw = plugin.Format{}

// linear16 is PCM of a rate.
func linear16(rate int) plugin.Format { return plugin.Format{Encoding: plugin.Linear16, Rate: rate} }

// need says of an option that it is missing.
func need(value, name, why string) error {
	if value != "" {
		return nil
	}
	return &plugin.FieldError{Field: "options." + name, Message: "is missing: " + why}
}
