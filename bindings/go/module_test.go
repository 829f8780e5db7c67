package sdk_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

const modulePath = "github.com/h-dv/ixt/bindings/go"

// program makes a module of its own in an empty folder, that requires the SDK at a path.
func program(t *testing.T, sdk, code string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a program")
	}
	folder := t.TempDir()
	write(t, filepath.Join(folder, "go.mod"),
		"module example\n\ngo 1.24\n\nrequire "+modulePath+" v0.0.0\n\nreplace "+modulePath+" => "+sdk+"\n")
	write(t, filepath.Join(folder, "main.go"), code)
	return folder
}

func write(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

// command runs the go command in a folder, with nothing of this one's settings and without a network.
func command(t *testing.T, folder string, arguments ...string) (string, error) {
	t.Helper()
	c := exec.Command("go", arguments...)
	c.Dir = folder
	c.Env = append(os.Environ(), "GOWORK=off", "GOPROXY=off", "GOFLAGS=-buildvcs=false", "PWD="+folder)
	out, err := c.CombinedOutput()
	return string(out), err
}

func here(t *testing.T) string {
	t.Helper()
	folder, err := os.Getwd()
	must(t, err)
	return folder
}

// quickStart is the program of the README.
func quickStart(t *testing.T) string {
	t.Helper()
	block := regexp.MustCompile("(?s)```go\n(package main.*?)```").FindSubmatch(readFile(t, "README.md"))
	if block == nil {
		t.Fatal("README.md has no program")
	}
	return string(block[1])
}

func TestQuickStart(t *testing.T) {
	folder := program(t, here(t), quickStart(t))
	if out, err := command(t, folder, "run", "."); err != nil || out != "hello, alice\n" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestVendoringKeepsHeaderAndLibrary(t *testing.T) {
	module := copyModule(t)
	folder := program(t, module, quickStart(t))
	if out, err := command(t, folder, "mod", "vendor"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// What is not in vendor/ is not there at all.
	must(t, os.RemoveAll(module))
	for _, file := range []string{"ixt.h", "lib/" + runtime.GOOS + "_" + runtime.GOARCH + "/libixt.a"} {
		if _, err := os.Stat(filepath.Join(folder, "vendor", modulePath, file)); err != nil {
			t.Error(err)
		}
	}
	if out, err := command(t, folder, "run", "-mod=vendor", "."); err != nil || out != "hello, alice\n" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestAMissingLibraryIsSaid(t *testing.T) {
	module := copyModule(t)
	archive := filepath.Join(module, "lib", runtime.GOOS+"_"+runtime.GOARCH)
	must(t, os.Remove(filepath.Join(archive, "libixt.a")))
	must(t, os.Remove(filepath.Join(archive, "libixt_digest.h")))
	folder := program(t, module, quickStart(t))
	out, err := command(t, folder, "build", "-o", os.DevNull, ".")
	if err == nil || !strings.Contains(out, "run 'make build' in a checkout of Ixt, or build with '-tags ixt_system'") {
		t.Errorf("%v: %s", err, out)
	}
	_ = os.Remove(filepath.Join(module, "lib", "source", "libixt.a"))
	_ = os.Remove(filepath.Join(module, "lib", "source", "libixt_digest.h"))
	out, err = command(t, folder, "build", "-tags", "ixt_source", "-o", os.DevNull, ".")
	if err == nil || !strings.Contains(out, "run 'bindings/go/lib/build.sh' in a checkout of Ixt") {
		t.Errorf("%v: %s", err, out)
	}
}

// The platform is what is said, and nothing else that does not compile there.
func TestAMissingPlatformIsSaid(t *testing.T) {
	folder := program(t, here(t), quickStart(t))
	for _, setting := range [][2]string{{"CGO_ENABLED", "0"}, {"GOARCH", "riscv64"}, {"GOOS", "windows"}} {
		t.Run(setting[0]+"="+setting[1], func(t *testing.T) {
			t.Setenv(setting[0], setting[1])
			out, err := command(t, folder, "build", "-o", os.DevNull, ".")
			said := "undefined: ixt_needs_cgo_and_on_this_platform_tags_ixt_system_or_ixt_source"
			if err == nil || !strings.Contains(out, said) || strings.Count(out, "undefined: ") != 1 {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// The archive of lib/build.sh, on a platform that has no folder.
func TestASourceBuild(t *testing.T) {
	module := copyModule(t)
	for _, file := range []string{"libixt.a", "libixt_digest.h"} {
		must(t, os.Rename(filepath.Join(module, "lib", runtime.GOOS+"_"+runtime.GOARCH, file), filepath.Join(module, "lib", "source", file)))
	}
	folder := program(t, module, quickStart(t))
	if out, err := command(t, folder, "run", "-tags", "ixt_source", "."); err != nil || out != "hello, alice\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// A program with another Rust library in it, each archive with a standard library and a panic handler of its own.
func TestTwoRustLibrariesInOneProgram(t *testing.T) {
	folder := program(t, here(t), strings.Replace(quickStart(t), "func main() {", "func main() {\n\tother()\n", 1))
	write(t, filepath.Join(folder, "other.rs"), `
/// What only a standard library has: an allocation, formatting, a panic that is caught, a thread.
#[unsafe(no_mangle)]
pub extern "C" fn other_library() -> i32 {
    let said = format!("{:?}", vec![1, 2, 3]).len() as i32;
    std::panic::set_hook(Box::new(|_| {}));
    let caught = std::panic::catch_unwind(|| if std::env::args().count() > 0 { panic!("planted") }).is_err();
    said + i32::from(caught) + std::thread::spawn(|| 1).join().unwrap()
}
`)
	rust := exec.Command("rustc", "--edition", "2024", "--crate-type", "staticlib", "-C", "panic=unwind", "-O", "other.rs")
	rust.Dir = folder
	if out, err := rust.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	write(t, filepath.Join(folder, "other.go"), `package main

// #cgo LDFLAGS: ${SRCDIR}/libother.a -lm -ldl -lpthread
// int other_library(void);
import "C"

func other() {
	if got := C.other_library(); got != 11 {
		panic(got)
	}
}
`)
	if out, err := command(t, folder, "run", "."); err != nil || out != "hello, alice\n" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestASystemLibrary(t *testing.T) {
	release := os.Getenv("IXT_RELEASE")
	if release == "" {
		t.Skip("IXT_RELEASE names no folder with ixt.pc")
	}
	t.Setenv("PKG_CONFIG_PATH", release)
	t.Setenv("LD_LIBRARY_PATH", release)
	module := copyModule(t)
	must(t, os.RemoveAll(filepath.Join(module, "lib", runtime.GOOS+"_"+runtime.GOARCH)))
	folder := program(t, module, quickStart(t))
	if out, err := command(t, folder, "run", "-tags", "ixt_system", "."); err != nil || out != "hello, alice\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// copyModule copies the module as it stands, without what belongs to others.
func copyModule(t *testing.T) string {
	t.Helper()
	from, to := here(t), t.TempDir()
	must(t, filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name == "capnp" || name == "testdata" {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, 0o644)
	}))
	return to
}
