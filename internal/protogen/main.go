// Protogen writes the Go code of the .proto files below proto/ and of the frozen
// copies below internal/compat, next to each of them, and needs nothing but the
// Go toolchain: the files are compiled in process and the code comes from the
// generators pinned in go.mod. For our own contracts it also writes a descriptor
// set (.binpb), from which other languages make their message classes when they
// run.
//
//	go run ./internal/protogen
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// tree is a directory of .proto files. What is in two of them may have the same
// names, so each is compiled by itself.
type tree struct {
	root string
	ours string // the beginning of the names that get a descriptor set
}

var trees = []tree{
	{"proto", "byova/"},          // what bots in other languages are written against
	{"internal/compat/v1_0", ""}, // what bots were written against
}

func main() {
	for _, t := range trees {
		if err := t.run(context.Background()); err != nil {
			fmt.Fprintf(os.Stderr, "protogen: %s: %v\n", t.root, err)
			os.Exit(1)
		}
	}
}

func (t tree) run(ctx context.Context) error {
	names, err := t.sources()
	if err != nil {
		return err
	}
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{t.root}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(ctx, names...)
	if err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	request := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: names,
		Parameter:      new("paths=source_relative"),
		ProtoFile:      withImports(files),
	}
	if err := t.removeGenerated(); err != nil {
		return err
	}
	for _, generator := range []string{"protoc-gen-go", "protoc-gen-go-grpc"} {
		if err := t.generate(ctx, generator, request); err != nil {
			return fmt.Errorf("%s: %w", generator, err)
		}
	}
	for _, file := range files {
		if strings.HasPrefix(file.Path(), t.ours) {
			if err := t.describe(file); err != nil {
				return fmt.Errorf("describe %s: %w", file.Path(), err)
			}
		}
	}
	return nil
}

// sources lists the .proto files by their import names.
func (t tree) sources() ([]string, error) {
	return t.walk(".proto", func(path string) (string, error) { return filepath.Rel(t.root, path) })
}

// removeGenerated makes sure that no file of a deleted .proto stays behind.
func (t tree) removeGenerated() error {
	for _, suffix := range []string{".pb.go", ".binpb"} {
		if _, err := t.walk(suffix, func(path string) (string, error) { return path, os.Remove(path) }); err != nil {
			return err
		}
	}
	return nil
}

func (t tree) walk(suffix string, visit func(path string) (string, error)) (names []string, err error) {
	err = filepath.WalkDir(t.root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, suffix) {
			return err
		}
		name, err := visit(path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	return names, err
}

// withImports puts each file behind those that it imports, as generators expect.
func withImports(files linker.Files) (all []*descriptorpb.FileDescriptorProto) {
	seen := map[string]bool{}
	var add func(file protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		imports := file.Imports()
		for i := range imports.Len() {
			add(imports.Get(i).FileDescriptor)
		}
		all = append(all, protoutil.ProtoFromFileDescriptor(file))
	}
	for _, file := range files {
		add(file)
	}
	return slices.Clip(all)
}

// generate runs one generator and writes what it answers.
func (t tree) generate(ctx context.Context, generator string, request *pluginpb.CodeGeneratorRequest) error {
	in, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "tool", generator) //nolint:gosec // one of two names of our own
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	response := &pluginpb.CodeGeneratorResponse{}
	if err := proto.Unmarshal(out, response); err != nil {
		return err
	}
	if response.Error != nil {
		return errors.New(response.GetError())
	}
	for _, file := range response.File {
		if err := t.write(file.GetName(), []byte(file.GetContent())); err != nil {
			return err
		}
	}
	return nil
}

// describe writes a file and its imports as a FileDescriptorSet.
func (t tree) describe(file linker.File) error {
	set := &descriptorpb.FileDescriptorSet{}
	for _, each := range withImports(linker.Files{file}) {
		each = proto.CloneOf(each)
		each.SourceCodeInfo = nil // comments and line numbers, which nobody needs at run time
		set.File = append(set.File, each)
	}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		return err
	}
	return t.write(strings.TrimSuffix(file.Path(), ".proto")+".binpb", out)
}

func (t tree) write(name string, content []byte) error {
	return os.WriteFile(filepath.Join(t.root, filepath.FromSlash(name)), content, 0o644) //nolint:gosec // source code is for everyone
}
