package password

import (
	"flag"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stepgate/stepgate/flows/password/internal/common"
)

var update = flag.Bool("update", false, "write common.txt anew")

func TestTheEmbeddedListIsWhatTheGeneratorMakes(t *testing.T) {
	made := strings.Join(common.Generate(), "\n") + "\n"
	if *update {
		if err := os.WriteFile("common.txt", []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if made != commonText {
		t.Fatal("common.txt differs: go test ./flows/password -run TestTheEmbeddedList -update")
	}
}

func TestTheListIsLargeAndHoldsOnlyWhatCheckCanMeet(t *testing.T) {
	t.Parallel()
	long := 0
	for _, entry := range commonList() {
		if entry != fold(entry) {
			t.Errorf("%q is not folded: it would never be found", entry)
		}
		if n := utf8.RuneCountInString(entry); n < 8 {
			t.Errorf("%q is shorter than any password may be", entry)
		} else if n >= 15 {
			long++
		}
	}
	if all := len(commonList()); all < 3000 || long < 2000 {
		t.Errorf("the list has %d entries, %d of them of 15 characters or more", all, long)
	}
}
