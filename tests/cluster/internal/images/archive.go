// Package images makes container images without a container engine and loads
// images into the nodes.
package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strings"
)

// Image is a single layer FROM scratch.
type Image struct {
	Reference  string
	User       string
	Entrypoint []string
	Files      map[string]string // path in the image -> file on the machine
}

type archiveManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// Write makes a docker-archive of the image. The same files give the same
// bytes: there are no times in it.
func Write(image Image, file string) error {
	layer, err := layerOf(image.Files)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"User": image.User, "Entrypoint": image.Entrypoint},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(digest[:])}},
	})
	if err != nil {
		return err
	}
	configDigest := sha256.Sum256(config)
	configName := hex.EncodeToString(configDigest[:]) + ".json"
	manifest, err := json.Marshal([]archiveManifest{{Config: configName, RepoTags: []string{image.Reference}, Layers: []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	output, err := os.Create(file)
	if err != nil {
		return err
	}
	defer output.Close()
	archive := tar.NewWriter(output)
	for _, entry := range []struct {
		name string
		data []byte
	}{{"manifest.json", manifest}, {configName, config}, {"layer.tar", layer}} {
		if err := add(archive, entry.name, 0o644, entry.data); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return output.Close()
}

func layerOf(files map[string]string) ([]byte, error) {
	var buffer bytes.Buffer
	layer := tar.NewWriter(&buffer)
	for _, name := range sortedKeys(files) {
		data, err := os.ReadFile(files[name])
		if err != nil {
			return nil, err
		}
		if err := add(layer, strings.TrimPrefix(path.Clean("/"+name), "/"), 0o755, data); err != nil {
			return nil, err
		}
	}
	return buffer.Bytes(), layer.Close()
}

func add(archive *tar.Writer, name string, mode int64, data []byte) error {
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data)), Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := archive.Write(data)
	return err
}

// References reads the names of the images in a docker-archive.
func References(file string) ([]string, error) {
	input, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer input.Close()
	archive := tar.NewReader(input)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s is not a docker-archive: it has no manifest.json", file)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if header.Name != "manifest.json" {
			continue
		}
		var manifests []archiveManifest
		if err := json.NewDecoder(archive).Decode(&manifests); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		var all []string
		for _, m := range manifests {
			all = append(all, m.RepoTags...)
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("%s: its image has no name", file)
		}
		return all, nil
	}
}
