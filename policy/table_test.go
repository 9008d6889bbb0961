package policy_test

import (
	"os"
	"strings"
	"testing"
	"time"

	. "github.com/stepgate/stepgate/policy"
)

func TestMissingAsWrittenInTheTable(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("testdata/missing.txt")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for number, line := range strings.Split(string(table), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		rows++
		columns := strings.Split(line, "|")
		if len(columns) != 3 {
			t.Fatalf("line %d has %d columns", number+1, len(columns))
		}
		d := readDemand(t, columns[1])
		missing, _ := d.Missing(readProof(t, columns[0]), now)
		if want := readDemand(t, columns[2]); missing.Demand != want {
			t.Errorf("line %d: %s\n\tmissing %v", number+1, strings.TrimSpace(line), missing)
		}
	}
	if rows < 30 {
		t.Errorf("only %d rows were judged", rows)
	}
}

func readProof(t *testing.T, text string) Proof {
	t.Helper()
	var p Proof
	if strings.TrimSpace(text) == "-" {
		return p
	}
	for part := range strings.SplitSeq(text, ",") {
		word, rest, _ := strings.Cut(strings.TrimSpace(part), " ")
		if f, ok := ParseFactor(word); ok {
			p = p.With(f, now.Add(-readAge(t, rest)))
			continue
		}
		c := map[string]Channel{"knowledge": Knowledge, "mailbox": Mailbox, "phone": Phone}
		if channel, ok := c[rest]; ok && word == "spent" {
			p = p.Spend(channel)
			continue
		}
		t.Fatalf("no such proof: %q", part)
	}
	return p
}

func readDemand(t *testing.T, text string) Demand {
	t.Helper()
	var d Demand
	for part := range strings.SplitSeq(text, "+") {
		switch part = strings.TrimSpace(part); part {
		case "-":
			continue
		case "deny":
			return Never
		}
		word, age, limited := strings.Cut(part, " within ")
		var within time.Duration
		if limited {
			within = readAge(t, age)
		}
		known := false
		for _, i := range dimensions {
			if i.String() == word {
				d, known = d.Join(Need(i, within)), true
			}
		}
		if !known {
			t.Fatalf("no such demand: %q", part)
		}
	}
	return d
}

func readAge(t *testing.T, text string) time.Duration {
	t.Helper()
	age, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return age
}
