package caddymodule

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows/send"
)

// Reasons about the text of a message are ours to mend, not the operator's, and those
// that tell nothing have the remedy of their kind.
const withoutRemedy = " bad_id bad_subject composing no_text invalid_message message_too_long cancelled unknown_status "

var reasonWritten = regexp.MustCompile(`(?:[rR]eason[:=] ?|Reason, |Blocked, |Retryable, |Uncertain, |Final, )"([a-z_0-9]+)"`)

func TestEachReasonOfOurSendersHasARemedy(t *testing.T) {
	t.Parallel()
	found := 0
	err := filepath.WalkDir("../flows/send", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, reason := range reasonWritten.FindAllStringSubmatch(string(text), -1) {
			found++
			if remedies[reason[1]] == "" && !strings.Contains(withoutRemedy, " "+reason[1]+" ") {
				t.Errorf("%s: %s has no remedy", path, reason[1])
			}
		}
		return err
	})
	if err != nil || found < 30 {
		t.Errorf("%d reasons were found (%v)", found, err)
	}
}

func TestARemedyFitsTheReasonOrElseTheKind(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		err  error
		want string
	}{
		{&send.Error{Kind: send.Blocked, Reason: "auth"}, "password"},
		{&send.Error{Kind: send.Blocked, Reason: "tls"}, "certificate"},
		{&send.Error{Kind: send.Blocked, Reason: "quota"}, "top up"},
		{context.DeadlineExceeded, "firewall"},
		{&send.Error{Kind: send.Blocked, Reason: "of another module"}, "configuration"},
		{&send.Error{Kind: send.Final, Reason: "of another module"}, "address or number"},
		{&send.Error{Kind: send.Uncertain, Reason: "of another module"}, "arrived"},
		{errors.New("boo"), "try again"},
	} {
		if got := remedyOf(row.err); !strings.Contains(got, row.want) {
			t.Errorf("%v: %s", row.err, got)
		}
	}
}
