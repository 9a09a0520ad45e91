// Clipmaker speaks the phrases of sdk/speech/clips/en.txt into WAV files beside it, with
// flite's voice slt. It writes the same files each time.
//
//	go run ./internal/clipmaker sdk/speech/clips
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/sdk/speech"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: clipmaker DIR")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "clipmaker:", err)
		os.Exit(1)
	}
}

// spoken is what flite is given where it would read a phrase otherwise.
var spoken = map[string]string{
	"a.m.": "A M", "p.m.": "P M", "a": "A", "o'clock": "o clock",
	"Hello, you have reached byova-host.": "Hello, you have reached by over host.",
}

func run(ctx context.Context, dir string) error {
	flite := speech.FindFlite(ctx)
	if flite == nil {
		return errors.New("flite is not installed: apt-get install flite")
	}
	list, err := os.Open(filepath.Join(dir, "en.txt")) //nolint:gosec // as asked for
	if err != nil {
		return err
	}
	defer list.Close()
	to := filepath.Join(dir, "en")
	if err := os.RemoveAll(to); err != nil { //nolint:gosec // as asked for
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil { //nolint:gosec // it is part of the source
		return err
	}
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		phrase := strings.TrimSpace(lines.Text())
		if phrase == "" || strings.HasPrefix(phrase, "#") {
			continue
		}
		if err := speak(ctx, flite, phrase, filepath.Join(to, speech.Key(phrase)+".wav")); err != nil {
			return fmt.Errorf("%q: %w", phrase, err)
		}
	}
	return lines.Err()
}

// speak makes a clip. Each has a voice of its own, so that none changes the loudness of
// those behind it.
func speak(ctx context.Context, flite speech.Engine, phrase, path string) error {
	voice := speech.New(speech.Config{Engines: []speech.Engine{flite}, Voice: "slt"})
	defer voice.Close()
	text := phrase
	if as := spoken[phrase]; as != "" {
		text = as
	} else if len(phrase) == 1 {
		text = strings.ToUpper(phrase)
	}
	var sound bytes.Buffer
	if err := voice.Synthesize(ctx, speech.Request{Text: text}, &sound); err != nil {
		return err
	}
	pcm := audio.DecodePCM(sound.Bytes(), audio.Format{Encoding: audio.Linear16, Rate: speech.Rate})
	file := audio.AppendWAV(nil, audio.WAV{Format: audio.Telephone, Data: audio.EncodeMuLaw(nil, pcm)})
	return os.WriteFile(path, file, 0o644) //nolint:gosec // it is part of the source
}
