package compat

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// frozen are the versions of the plugin protocol that hosts of today must understand, with
// the sum of each file: what was promised does not change afterwards.
var frozen = map[string]string{
	"v1_0": "b70068c94ef8c8cdd9ac3d8975fbfbacb0cad15f2ebba3e35d277dd69e350db7",
}

// TestProtocolOnlyGrows: what bots of an earlier time send and hear is still there.
func TestProtocolOnlyGrows(t *testing.T) {
	for version, sum := range frozen {
		source, err := os.ReadFile(version + "/plugin.proto")
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(source); hex.EncodeToString(got[:]) != sum {
			t.Errorf("%s/plugin.proto has changed, and it is frozen", version)
		}
		for _, change := range changes(descriptor(t, version+"/plugin.binpb"), pluginv1.File_byova_plugin_v1_plugin_proto) {
			t.Errorf("plugins of protocol %s do not understand this host: %s", version, change)
		}
	}
}

// descriptor reads the last file of a descriptor set.
func descriptor(t *testing.T, path string) protoreflect.FileDescriptor {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(data, set); err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	file, err := files.FindFileByPath(set.GetFile()[len(set.GetFile())-1].GetName())
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestNumbersForExperiments: 900 and above stay free.
func TestNumbersForExperiments(t *testing.T) {
	var check func(messages protoreflect.MessageDescriptors)
	check = func(messages protoreflect.MessageDescriptors) {
		for i := range messages.Len() {
			fields := messages.Get(i).Fields()
			for j := range fields.Len() {
				if f := fields.Get(j); f.Number() >= 900 {
					t.Errorf("field %s has number %d, which is for experiments", f.FullName(), f.Number())
				}
			}
			check(messages.Get(i).Messages())
		}
	}
	check(pluginv1.File_byova_plugin_v1_plugin_proto.Messages())
}

// TestOldestPluginStandsAlone: a plugin of that time has nothing of ours but what is frozen.
func TestOldestPluginStandsAlone(t *testing.T) {
	const module = "github.com/byova-host/byova-host/"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath", "./bot10").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var ours []string
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct{ ImportPath string }
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if path, ok := strings.CutPrefix(p.ImportPath, module); ok {
			ours = append(ours, path)
		}
	}
	if want := []string{"internal/compat/v1_0", "internal/compat/bot10"}; !slices.Equal(ours, want) {
		t.Errorf("bot10 is made of %v, want %v", ours, want)
	}
}

const bell = `syntax = "proto3";
package bell.v1;
service Bell {
  rpc Ring(stream Tone) returns (stream Echo);
  rpc Stop(Tone) returns (Echo);
}
message Tone {
  uint32 hertz = 1;
  repeated string names = 2;
  map<string, string> labels = 3;
  Mode mode = 4;
  Echo echo = 5;
  oneof body {
    Echo near = 6;
    Echo far = 7;
  }
  message Part { int64 ms = 1; }
  Part part = 8;
  enum Mode {
    SOFT = 0;
    LOUD = 1;
  }
}
message Echo {}
enum Place {
  HERE = 0;
  THERE = 1;
}
`

// TestChangesAreFound: each way to break a protocol, and ways that break nobody.
func TestChangesAreFound(t *testing.T) {
	before := compile(t, bell)
	for _, test := range []struct{ name, old, with, want string }{
		{"nothing", "", "", ""},
		{"a comment", "message Echo {}", "// Echo comes back.\nmessage Echo {}", ""},
		{"a field more", "message Echo {}", "message Echo { uint32 ms = 1; }", ""},
		{"one more of a oneof", "Echo far = 7;", "Echo far = 7; Echo else = 9;", ""},
		{"a value more", "THERE = 1;", "THERE = 1; ELSE = 2;", ""},
		{"another name of a value", "THERE = 1;", "THERE = 1; BEYOND = 1; option allow_alias = true;", ""},
		{"a method more", "rpc Stop", "rpc Mute(Tone) returns (Echo); rpc Stop", ""},
		{"a field less", "uint32 hertz = 1;", "reserved 1;", "field bell.v1.Tone.hertz = 1 is gone"},
		{"another number", "hertz = 1", "hertz = 10", "field bell.v1.Tone.hertz = 1 is gone"},
		{"another name", "hertz = 1", "frequency = 1", "field bell.v1.Tone.hertz = 1 is called frequency"},
		{"another type", "uint32 hertz", "uint64 hertz", "field bell.v1.Tone.hertz was optional uint32 and is optional uint64"},
		{"another message", "Echo echo = 5", "Part echo = 5", "field bell.v1.Tone.echo was optional message bell.v1.Echo and is optional message bell.v1.Tone.Part"},
		{"another enum", "Mode mode = 4", "Place mode = 4", "field bell.v1.Tone.mode was optional enum bell.v1.Tone.Mode and is optional enum bell.v1.Place"},
		{"no longer repeated", "repeated string", "string", "field bell.v1.Tone.names was repeated string and is optional string"},
		{"another map", "map<string, string>", "map<string, bytes>", "field bell.v1.Tone.LabelsEntry.value was optional string and is optional bytes"},
		{"out of its oneof", "Echo far = 7;\n  }", "}\n  Echo far = 7;", "field bell.v1.Tone.far was optional message bell.v1.Echo in oneof body and is optional message bell.v1.Echo"},
		{"into a oneof", "uint32 hertz = 1;\n", "oneof pitch { uint32 hertz = 1; }\n", "field bell.v1.Tone.hertz was optional uint32 and is optional uint32 in oneof pitch"},
		{"a field of a message within", "int64 ms = 1", "int64 us = 1", "field bell.v1.Tone.Part.ms = 1 is called us"},
		{"a value less", "THERE = 1;", "", "value bell.v1.THERE = 1 is gone"},
		{"a value renamed", "LOUD = 1", "SHRILL = 1", "value bell.v1.Tone.LOUD = 1 is gone"},
		{"another number of a value", "LOUD = 1", "LOUD = 2", "value bell.v1.Tone.LOUD was 1 and is 2"},
		{"an enum less", "enum Place {\n  HERE = 0;\n  THERE = 1;\n}", "", "enum bell.v1.Place is gone"},
		{"a method less", "rpc Stop(Tone) returns (Echo);", "", "method bell.v1.Bell.Stop is gone"},
		{"a method that does not stream", "Ring(stream Tone)", "Ring(Tone)", "method bell.v1.Bell.Ring was (stream bell.v1.Tone) (stream bell.v1.Echo) and is (bell.v1.Tone) (stream bell.v1.Echo)"},
		{"a method that takes something else", "Stop(Tone)", "Stop(Echo)", "method bell.v1.Bell.Stop was (bell.v1.Tone) (bell.v1.Echo) and is (bell.v1.Echo) (bell.v1.Echo)"},
		{"another service", "service Bell", "service Gong", "service bell.v1.Bell is gone"},
	} {
		after := strings.Replace(bell, test.old, test.with, 1)
		if after == bell && test.old != "" {
			t.Fatalf("%s changes nothing", test.name)
		}
		if got := strings.Join(changes(before, compile(t, after)), "; "); got != test.want {
			t.Errorf("%s: found %q, want %q", test.name, got, test.want)
		}
	}
	after := strings.ReplaceAll(bell, "Echo", "Answer")
	if got := strings.Join(changes(before, compile(t, after)), "; "); !strings.Contains(got, "message bell.v1.Echo is gone") {
		t.Errorf("a message less: found %q", got)
	}
	after = strings.Replace(bell, "bell.v1", "bell.v2", 1)
	if got := strings.Join(changes(before, compile(t, after)), "; "); !strings.HasPrefix(got, "package bell.v1 is bell.v2") {
		t.Errorf("another package: found %q", got)
	}
}

func compile(t *testing.T, source string) protoreflect.FileDescriptor {
	t.Helper()
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"bell.proto": source}),
	}}
	files, err := compiler.Compile(t.Context(), "bell.proto")
	if err != nil {
		t.Fatalf("%v in\n%s", err, source)
	}
	return files[0]
}
