package main

import (
	"encoding/base64"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

const (
	loud   = 60 // of 127: what is louder is speech
	enough = 5  // frames of 20 ms that begin an utterance
	pause  = 25 // and so many quiet ones end it
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8765", "where to listen")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	server := &http.Server{Handler: http.HandlerFunc(answer), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.Serve(listener))
}

// message is one of Twilio's, as far as it matters here.
type message struct {
	Event string `json:"event"`
	Start struct {
		StreamSid string            `json:"streamSid"`
		Custom    map[string]string `json:"customParameters"`
	} `json:"start"`
	Media struct {
		Payload string `json:"payload"`
	} `json:"media"`
}

// answer answers one call: each has a stream of its own.
func answer(w http.ResponseWriter, r *http.Request) {
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	defer ws.Close()
	e := echo{ws: ws}
	for err == nil {
		var m message
		if err := ws.ReadJSON(&m); err != nil {
			return // the call is over
		}
		switch m.Event {
		case "start":
			e.stream = m.Start.StreamSid
			log.Print("a call from ", m.Start.Custom["from_number"])
			err = e.play(beep())
		case "media":
			err = e.hear(m.Media.Payload)
		case "stop":
			return
		}
	}
	log.Print(err)
}

// echo is a call.
type echo struct {
	ws          *websocket.Conn
	stream      string
	heard       []byte
	loud, quiet int // frames in a row
	speaking    bool
}

// hear takes the caller's audio, mu-law at 8 kHz, and says an utterance back when it is
// over. Speech while something plays stops that.
func (e *echo) hear(payload string) error {
	frame, err := base64.StdEncoding.DecodeString(payload)
	if err != nil {
		return err
	}
	e.heard = append(e.heard, frame...)
	if peak(frame) > loud {
		e.loud, e.quiet = e.loud+1, 0
	} else {
		e.loud, e.quiet = 0, e.quiet+1
	}
	switch {
	case !e.speaking && e.loud == enough:
		e.speaking = true
		return e.send("clear", nil)
	case e.speaking && e.quiet == pause:
		e.speaking = false
		said := e.heard
		e.heard = nil
		return e.play(said)
	case !e.speaking: // keep what came just before the speech was noticed
		e.heard = e.heard[max(0, len(e.heard)-2400):]
	}
	return nil
}

// peak is how loud a frame is: mu-law has its bits inverted.
func peak(frame []byte) (most byte) {
	for _, b := range frame {
		most = max(most, ^b&0x7f)
	}
	return most
}

// play sends audio at once: Twilio's side plays it in its own time.
func (e *echo) play(audio []byte) error {
	for len(audio) > 0 {
		n := min(4000, len(audio))
		if err := e.send("media", map[string]string{"payload": base64.StdEncoding.EncodeToString(audio[:n])}); err != nil {
			return err
		}
		audio = audio[n:]
	}
	return nil
}

func (e *echo) send(event string, body any) error {
	m := map[string]any{"event": event, "streamSid": e.stream}
	if body != nil {
		m[event] = body
	}
	return e.ws.WriteJSON(m)
}

// beep is a square wave of 400 Hz.
func beep() []byte {
	audio := make([]byte, 3200)
	for i := range audio {
		audio[i] = 0x20
		if i/10%2 == 1 {
			audio[i] = 0xa0
		}
	}
	return audio
}
