package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// format is the version of what is written. It counts up with any change that an
// older program must not overwrite.
const format = 1

// sealed is a record in its file. The name binds it to that.
type sealed struct {
	Format int             `json:"format"`
	Name   string          `json:"name"`
	Record json.RawMessage `json:"record"`
}

// keys are what records are encrypted with: the first is for writing. None: they are
// plain.
type keys [][]byte

// errKey is a record that none of the keys opens.
var errKey = errors.New("no key that is given opens it: set the one that it was written with as byods.store.key, or as byods.store.old_key")

// seal gives the content of a file.
func (k keys) seal(name string, record any) ([]byte, error) {
	body, err := json.Marshal(record)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(sealed{format, name, body}, "", "  ")
	if err != nil || len(k) == 0 {
		return append(text, '\n'), err
	}
	recipient := jose.Recipient{Algorithm: jose.DIRECT, Key: k[0], KeyID: keyID(k[0])}
	encrypter, err := jose.NewEncrypter(jose.A256GCM, recipient, nil)
	if err != nil {
		return nil, err
	}
	object, err := encrypter.Encrypt(text)
	if err != nil {
		return nil, err
	}
	compact, err := object.CompactSerialize()
	return append([]byte(compact), '\n'), err
}

// open reads the content of a file. It tells whether it was written as it would be now.
func (k keys) open(name string, content []byte, record any) (current bool, err error) {
	text, current := content, len(k) == 0
	if !bytes.HasPrefix(bytes.TrimSpace(content), []byte("{")) {
		if text, current, err = k.decrypt(content); err != nil {
			return false, err
		}
	}
	var s sealed
	if err := json.Unmarshal(text, &s); err != nil {
		return false, errors.New("it is damaged or cut off: put a backup in its place, or move it away")
	}
	switch {
	case s.Format > format:
		return false, fmt.Errorf("it was written by a newer version (format %d, this one knows %d): use that", s.Format, format)
	case s.Format < 1:
		return false, errors.New("it is no record: put a backup in its place, or move it away")
	case s.Name != name:
		return false, fmt.Errorf("it is the record of %q: put it back there", s.Name)
	}
	if err := json.Unmarshal(s.Record, record); err != nil {
		return false, errors.New("what it says cannot be read: put a backup in its place, or move it away")
	}
	return current, nil
}

// decrypt opens a JWE with the key that it names.
func (k keys) decrypt(content []byte) (text []byte, current bool, err error) {
	object, err := jose.ParseEncryptedCompact(string(bytes.TrimSpace(content)), []jose.KeyAlgorithm{jose.DIRECT},
		[]jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return nil, false, errors.New("it is damaged or cut off: put a backup in its place, or move it away")
	}
	for i, key := range k {
		if keyID(key) != object.Header.KeyID {
			continue
		}
		if text, err = object.Decrypt(key); err != nil {
			return nil, false, errors.New("it is damaged: put a backup in its place, or move it away")
		}
		return text, i == 0, nil
	}
	return nil, false, errKey
}
