package store

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// keySize is that of AES-256.
const keySize = 32

// ParseKey reads a key as people write it: 32 bytes in hex or base64, with or
// without padding. The error does not show it.
func ParseKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if key, err := hex.DecodeString(text); err == nil && len(key) == keySize {
		return key, nil
	}
	plain := strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
	if key, err := base64.RawURLEncoding.DecodeString(plain); err == nil && len(key) == keySize {
		return key, nil
	}
	return nil, errors.New("is no key: write 32 random bytes in hex or base64, as openssl rand -hex 32 prints")
}

// keyID names a key in a record without telling anything of it.
func keyID(key []byte) string {
	sum := sha256.Sum256(append([]byte("byova-host store key "), key...))
	return hex.EncodeToString(sum[:8])
}
