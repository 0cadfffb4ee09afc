package images

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestAnArchiveNamesItsImageAndIsReproducible(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("#!"), 0o700); err != nil {
		t.Fatal(err)
	}
	image := Image{Reference: "localhost/a/b:c", Files: map[string]string{"/bin/p": program, "/q": program}}
	var archives [2][]byte
	for i := range archives {
		file := filepath.Join(dir, "image.tar")
		if err := Write(image, file); err != nil {
			t.Fatal(err)
		}
		references, err := References(file)
		if err != nil || len(references) != 1 || references[0] != image.Reference {
			t.Fatalf("%v %v", references, err)
		}
		if archives[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("the same files gave different bytes")
	}
	if _, err := References(program); err == nil {
		t.Error("a file that is no archive was read")
	}
}

func TestCanonical(t *testing.T) {
	for reference, want := range map[string]string{
		"localhost/a:b": "localhost/a:b", "registry.example/a:b": "registry.example/a:b", "host:5000/a:b": "host:5000/a:b",
		"debian:trixie-slim": "docker.io/library/debian:trixie-slim", "team/a:b": "docker.io/team/a:b",
	} {
		if got := canonical(reference); got != want {
			t.Errorf("%s: %s", reference, got)
		}
	}
}
