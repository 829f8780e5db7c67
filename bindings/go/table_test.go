package sdk

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"testing"
)

// The table of kinds is the library's, to the letter.
func TestKindsAreTheLibrarys(t *testing.T) {
	named := map[ErrorKind]bool{}
	for _, k := range kinds {
		named[k.kind] = true
		if name, says := nameOf(k.kind), saysOf(k.kind); name != k.name || says != k.says {
			t.Errorf("%d is %s: %s here, and %s: %s in the library", k.kind, k.name, k.says, name, says)
		}
		if !errors.Is(&Error{Kind: k.kind}, k.kind) {
			t.Errorf("errors.Is does not find %v", k.kind)
		}
	}
	for k := ErrorKind(1); k < 1000; k++ {
		if name := nameOf(k); name != "Unknown" && !named[k] {
			t.Errorf("%d is %s in the library, and not here", k, name)
		}
	}
	if text := ErrorKind(999).Error(); text != "ErrorKind(999): a status of a later version" {
		t.Error(text)
	}
}

func TestAnotherABIIsAnErrorOnUse(t *testing.T) {
	if abi != nil {
		t.Fatal(abi)
	}
	abi = checkABI(99)
	defer func() { abi = nil }()
	_, encode := EncodeStreamFrame(&StreamFrame{})
	_, decode := DecodeInvocationContext(nil)
	_, open := NewOpener(Unary, StreamConfig{})
	for _, err := range []error{encode, decode, open} {
		if !errors.Is(err, ErrABIMismatch) {
			t.Errorf("%v", err)
		}
	}
	if CapabilityCovers("*", "fs") || Attenuates([]string{"*"}, nil) {
		t.Error("authority from a library of another version")
	}
}

// Every function of the library that is called is declared noescape, where it takes pointers, and
// nocallback.
func TestEveryCallIsDeclared(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	called, declared := map[string]bool{}, map[string]bool{}
	for _, file := range files {
		if regexp.MustCompile(`_test\.go$|^[^.]*\.[^g]`).MatchString(file.Name()) {
			continue
		}
		source, err := os.ReadFile(file.Name())
		if err != nil {
			continue
		}
		for _, call := range regexp.MustCompile(`C\.(ixt_\w+)\(`).FindAllSubmatch(source, -1) {
			called[string(call[1])] = true
		}
		for _, line := range regexp.MustCompile(`#cgo (noescape|nocallback) (ixt_\w+)`).FindAllSubmatch(source, -1) {
			declared[string(line[1])+string(line[2])] = true
		}
	}
	scalar := regexp.MustCompile(`^ixt_(version|abi_version|status_name|status_says)$`)
	count := 0
	for name := range called {
		if regexp.MustCompile(`_t$`).MatchString(name) {
			continue // a conversion
		}
		count++
		if !declared["nocallback"+name] || (!declared["noescape"+name] && !scalar.MatchString(name)) {
			t.Errorf("%s is not declared noescape and nocallback", name)
		}
	}
	if count < 30 {
		t.Errorf("found %d calls", count)
	}
}

// Whatever uses an engine keeps its handle until the call is over. -tags ixtdebug finds what does not, where a
// test calls it.
func TestEveryHandleIsKept(t *testing.T) {
	for file, at := range map[string]struct {
		name string
		few  int
	}{"native_stream.go": {"h", 17}, "native_connection.go": {"e", 20}, "native_node.go": {"n", 10}} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, function := range bytes.Split(source, []byte("\n}\n")) {
			if !bytes.Contains(function, []byte(at.name+".get()")) {
				continue
			}
			count++
			if !bytes.Contains(function, []byte("runtime.KeepAlive("+at.name+")")) {
				t.Errorf("no KeepAlive in %s", bytes.TrimSpace(function))
			}
		}
		if count < at.few {
			t.Errorf("%s: found %d functions", file, count)
		}
	}
}

func TestTheHeaderIsTheLibrarys(t *testing.T) {
	theirs, err := os.ReadFile("../c/include/ixt.h")
	if err != nil {
		t.Skip("outside a checkout")
	}
	ours, err := os.ReadFile("ixt.h")
	if err != nil || !bytes.Equal(ours, theirs) {
		t.Errorf("bindings/go/ixt.h is not bindings/c/include/ixt.h: copy it (%v)", err)
	}
}
