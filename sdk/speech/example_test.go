package speech_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/byova-host/byova-host/sdk/speech"
)

// A voice that speaks with whatever this machine has would be speech.New(speech.Config{}).
// This one has the clips alone, so that it says the same everywhere.
func ExampleVoice() {
	voice := speech.New(speech.Config{Engines: []speech.Engine{speech.Clips()}})
	defer voice.Close()
	var sound bytes.Buffer // or a prompt of a call
	err := voice.Synthesize(context.Background(), speech.Request{Text: "You entered 42."}, &sound)
	fmt.Println(err, sound.Len() > speech.Rate)

	err = voice.Synthesize(context.Background(), speech.Request{Text: "Xylophones!"}, &sound)
	fmt.Println(err)
	// Output:
	// <nil> true
	// no speech engine can say this (11 characters): clips: the clips lack 1 of its words
}

func ExampleKey() {
	fmt.Println(speech.Key("Welcome to Acme!") + ".wav")
	// Output: welcome-to-acme.wav
}
