package proto_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
	ccaiv1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/v1"
)

// TestGoldenBytes holds our copy of the contract against bytes that protoc made
// from Cisco's own files (github.com/webex/dataSourceSchemas, May 2026).
func TestGoldenBytes(t *testing.T) {
	request := func(input func(*mediav1.VoiceVARequest)) *mediav1.VoiceVARequest {
		r := &mediav1.VoiceVARequest{ConversationId: "c1", CustomerOrgId: "o1"}
		input(r)
		return r
	}
	summary, err := structpb.NewStruct(map[string]any{"summary": "hi"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		message proto.Message
		want    string
	}{
		{"session start", request(func(r *mediav1.VoiceVARequest) {
			r.VirtualAgentId = "a1"
			r.VoiceVaInputType = &mediav1.VoiceVARequest_EventInput{EventInput: &mediav1.EventInput{
				EventType: mediav1.EventInput_SESSION_START, Name: "entry"}}
		}), "0a02633112026f311a026131420908011205656e747279"},
		{"caller audio", request(func(r *mediav1.VoiceVARequest) {
			r.VoiceVaInputType = &mediav1.VoiceVARequest_AudioInput{AudioInput: &mediav1.VoiceInput{
				CallerAudio: []byte{0xff, 0xfe}, Encoding: mediav1.VoiceInput_MULAW_FORMAT, SampleRateHertz: 8000,
				AudioTimestamp: &timestamppb.Timestamp{Seconds: 1, Nanos: 5}, LanguageCode: "en-US"}}
		}), "0a02633112026f3132160a02fffe100218c03e2204080110052a05656e2d5553"},
		{"keys", request(func(r *mediav1.VoiceVARequest) {
			r.VoiceVaInputType = &mediav1.VoiceVARequest_DtmfInput{DtmfInput: &mediav1.DTMFInputs{DtmfEvents: []mediav1.DTMFDigits{
				mediav1.DTMFDigits_DTMF_DIGIT_ONE, mediav1.DTMFDigits_DTMF_DIGIT_ZERO, mediav1.DTMFDigits_DTMF_DIGIT_POUND}}}
		}), "0a02633112026f313a050a03010a10"},
		{"empty final", &mediav1.VoiceVAResponse{}, ""},
		{"chunk with input configuration", &mediav1.VoiceVAResponse{
			ResponseType: mediav1.VoiceVAResponse_CHUNK,
			Prompts:      []*mediav1.Prompt{{AudioContent: []byte{0x7f, 0x7f}, IsBargeInEnabled: true}},
			InputMode:    mediav1.VoiceVAInputMode_INPUT_VOICE_DTMF,
			InputHandlingConfig: &mediav1.InputHandlingConfig{
				DtmfConfig: &mediav1.DTMFInputConfig{InterDigitTimeoutMsec: 3000,
					Termchar: mediav1.DTMFDigits_DTMF_DIGIT_POUND, DtmfInputLength: 5},
				SpeechTimers: &mediav1.InputSpeechTimers{CompleteTimeoutMsec: 10000, NoInputTimeoutMsec: 5000}},
		}, "0a061a027f7f200120032a110a0708b81710101805120610904e2088274002"},
		{"start of input", &mediav1.VoiceVAResponse{OutputEvents: []*mediav1.OutputEvent{{
			EventType: mediav1.OutputEvent_START_OF_INPUT}}}, "12020804"},
		{"transfer", &mediav1.VoiceVAResponse{
			OutputEvents:      []*mediav1.OutputEvent{{EventType: mediav1.OutputEvent_TRANSFER_TO_AGENT, Name: "t", Metadata: summary}},
			SessionTranscript: &mediav1.TextContent{InputContent: &mediav1.TextContent_Text{Text: "x"}, LanguageCode: "en-US"},
		}, "121808021201741a110a0f0a0773756d6d61727912041a026869320a0a01781a05656e2d5553"},
		{"agent list", &mediav1.ListVAResponse{VirtualAgents: []*mediav1.VirtualAgentInfo{{VirtualAgentId: "a1",
			VirtualAgentName: "Agent", IsDefault: true, Attributes: map[string]string{"k": "v"}}}},
			"0a150a02613112054167656e74180122060a016b120176"},
		{"custom event in", &mediav1.EventInput{EventType: mediav1.EventInput_CUSTOM_EVENT, Name: "n"}, "080512016e"},
		{"custom event out", &mediav1.OutputEvent{EventType: mediav1.OutputEvent_CUSTOM_EVENT, Name: "n"}, "080312016e"},
		{"health", &ccaiv1.HealthCheckResponse{Status: ccaiv1.HealthCheckResponse_SERVING}, "0801"},
		{"uncancelled partial", &mediav1.VoiceVAResponse{ResponseType: mediav1.VoiceVAResponse_PARTIAL,
			DisablePromptCancellation: true}, "40014801"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := proto.MarshalOptions{Deterministic: true}.Marshal(test.message)
			if err != nil {
				t.Fatal(err)
			}
			want, err := hex.DecodeString(test.want)
			if err != nil {
				t.Fatal(err)
			}
			// Go writes the members of a oneof last and protoc by number; both are right.
			if !bytes.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
				t.Errorf("encoded %x, want %s in any order of fields", got, test.want)
			}
			back := test.message.ProtoReflect().New().Interface()
			if err := proto.Unmarshal(want, back); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(back, test.message) {
				t.Errorf("decoded %v, want %v", back, test.message)
			}
		})
	}
}
