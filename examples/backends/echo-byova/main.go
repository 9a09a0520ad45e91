package main

import (
	"encoding/base64"
	"flag"
	"fmt"
	"log"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8765", "where to listen")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	server := &http.Server{Handler: http.HandlerFunc(call), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.Serve(listener))
}

// event is what wsproxy sends, as far as it matters here.
type event struct {
	Type    string `json:"type"`
	Payload struct {
		Data   string `json:"data"`   // audio_input
		Digits string `json:"digits"` // dtmf_input
	} `json:"payload"`
}

// object is a message to wsproxy.
type object = map[string]any

// call answers one call: each has a connection of its own.
func call(w http.ResponseWriter, r *http.Request) {
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	defer ws.Close()
	var heard []byte // of the utterance
	speaking := false
	for {
		var e event
		if err := ws.ReadJSON(&e); err != nil {
			return // the call is over
		}
		var answer []byte
		switch e.Type {
		case "session_start":
			answer = tone(440, 400*time.Millisecond)
		case "audio_input":
			audio, err := base64.StdEncoding.DecodeString(e.Payload.Data)
			if err != nil {
				log.Print(err)
				return
			}
			heard = append(heard, audio...)
			if !speaking { // keep what came just before the speech was noticed
				heard = heard[max(0, len(heard)-2400):]
			}
		case "speech_started":
			speaking = true
		case "speech_ended":
			answer, heard, speaking = heard, nil, false
		case "dtmf_input":
			if e.Payload.Digits == "0" {
				err = send(ws, "transfer", object{"reason": "caller pressed 0"})
				break
			}
			answer = tone(330, 200*time.Millisecond)
		case "no_input", "custom_event": // each waits for an answer, too
			answer = tone(220, 200*time.Millisecond)
		}
		if len(answer) > 0 {
			err = send(ws, "prompt", object{"audio": base64.StdEncoding.EncodeToString(answer), "final": true})
		}
		if err != nil {
			return
		}
	}
}

func send(ws *websocket.Conn, kind string, payload object) error {
	return ws.WriteJSON(object{"type": kind, "payload": payload})
}

// tone is mu-law at 8 kHz, which is what a call plays.
func tone(hertz float64, d time.Duration) []byte {
	audio := make([]byte, d*8000/time.Second)
	for i := range audio {
		audio[i] = muLaw(6000 * math.Sin(2*math.Pi*hertz*float64(i)/8000))
	}
	return audio
}

// muLaw is G.711: a sign, three bits for how large, four for where between.
func muLaw(sample float64) byte {
	sign := byte(0x80)
	if sample < 0 {
		sign, sample = 0, -sample
	}
	_, exponent := math.Frexp((sample + 132) / 256) // 132: so that the smallest has a bit, too
	exponent = max(0, exponent)
	mantissa := int((sample+132)/math.Ldexp(8, exponent)) & 0x0f
	return ^(byte(exponent<<4|mantissa) | ^sign&0x80)
}
