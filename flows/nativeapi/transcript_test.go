package nativeapi_test

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the transcripts anew")

// masks are what is another one at every run, by the name that stands for it.
var masks = []struct {
	form *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`"(trace_id|correlation_id)":"[0-9a-f-]{36}"`), `"$1":"<uuid>"`},
	{regexp.MustCompile(`"(access_token|id_token)":"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"`), `"$1":"<jwt>"`},
	{regexp.MustCompile(`"(refresh_token|client_info)":"[A-Za-z0-9_-]+"`), `"$1":"<opaque>"`},
}

// TestTheWireIsAsRecorded plays what an SDK sends, byte for byte, against what must come
// back, byte for byte. In a transcript a line is a request (path and body), the next one
// its answer; continuation tokens are named in the order in which they are handed out,
// and a code as the address that it was sent to.
func TestTheWireIsAsRecorded(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.wire")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.signedUpWithPassword(dana)
			w.withBoth("mfa@example.com", danaPhone)
			w.wait(later)
			got := w.play(file)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the wire differs:\n%s", firstDifference(string(want), got))
			}
		})
	}
}

// play makes the requests of a transcript and returns it with the answers that came.
func (w *world) play(file string) string {
	w.t.Helper()
	f, err := os.Open(file)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	var out strings.Builder
	named := make(map[string]string) // continuation tokens by name
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "POST":
			fmt.Fprintln(&out, line)
			path, body, _ := strings.Cut(rest, " ")
			a := w.do(w.request(path, w.fill(body, named)))
			text := strings.TrimSpace(a.Body)
			if token := a.text("continuation_token"); token != "" {
				name := string(rune('A' + len(named)))
				named[name] = token
				text = strings.ReplaceAll(text, token, name)
			}
			for _, mask := range masks {
				text = mask.form.ReplaceAllString(text, mask.name)
			}
			fmt.Fprintln(&out, a.Status, text)
		case "#", "":
			fmt.Fprintln(&out, line)
		}
	}
	return out.String()
}

var (
	tokenParam = regexp.MustCompile(`continuation_token=([A-Z])\b`)
	codeParam  = regexp.MustCompile(`oob=<(not )?([^>]+)>`)
)

func (w *world) fill(body string, named map[string]string) string {
	body = tokenParam.ReplaceAllStringFunc(body, func(param string) string {
		name, value, _ := strings.Cut(param, "=")
		return name + "=" + named[value]
	})
	return codeParam.ReplaceAllStringFunc(body, func(param string) string {
		found := codeParam.FindStringSubmatch(param)
		code := w.code(found[2])
		if found[1] != "" {
			code = wrong(code)
		}
		return "oob=" + code
	})
}

func firstDifference(want, got string) string {
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(wants), len(gots)) {
		if wants[i] != gots[i] {
			return fmt.Sprintf("line %d\nwant %s\n got %s", i+1, wants[i], gots[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(gots), len(wants))
}
