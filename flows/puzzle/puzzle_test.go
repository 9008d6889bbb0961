package puzzle_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"github.com/stepgate/stepgate/flows/puzzle"
	"github.com/stepgate/stepgate/flows/seal"
)

var noon = time.Date(2026, 8, 4, 12, 0, 0, 123456789, time.UTC)

func maker(t testing.TB, secret byte) puzzle.Maker {
	t.Helper()
	keys, err := seal.New(bytes.Repeat([]byte{secret}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return puzzle.Maker{MAC: func(parts ...string) [32]byte { return keys.MAC("puzzle", parts...) }, Rand: rand.Reader}
}

func made(t testing.TB, m puzzle.Maker, what, network string) string {
	t.Helper()
	text, err := m.New(noon, what, network)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAPuzzleIsGoodForItsPurposeNetworkAndTenMinutes(t *testing.T) {
	t.Parallel()
	m := maker(t, 1)
	text := made(t, m, "send", "198.51.100.0/24")
	for _, c := range []struct {
		maker         puzzle.Maker
		after         time.Duration
		what, network string
		good          bool
	}{
		{m, 0, "send", "198.51.100.0/24", true},
		{m, 30 * time.Second, "send", "198.51.100.0/24", true},
		{m, puzzle.Life - time.Millisecond, "send", "198.51.100.0/24", true},
		{m, puzzle.Life, "send", "198.51.100.0/24", false},
		{m, 300 * 24 * time.Hour, "send", "198.51.100.0/24", false},
		{m, -time.Millisecond, "send", "198.51.100.0/24", false},
		{m, -time.Hour, "send", "198.51.100.0/24", false},
		{m, time.Second, "password", "198.51.100.0/24", false},
		{m, time.Second, "send", "203.0.113.0/24", false},
		{m, time.Second, "send", "", false},
		{m, time.Second, "send198.51.100.0/24", "", false},
		{maker(t, 2), time.Second, "send", "198.51.100.0/24", false},
	} {
		age, err := c.maker.Age(noon.Add(c.after), text, c.what, c.network)
		if (err == nil) != c.good || err != nil && !errors.Is(err, puzzle.ErrForeign) {
			t.Errorf("after %v for %s from %q: %v", c.after, c.what, c.network, err)
		}
		if want := c.after; c.good && (age < want || age >= want+time.Millisecond) {
			t.Errorf("after %v it is %v old", c.after, age)
		}
	}
}

func TestATextThatWasTouchedIsNoPuzzle(t *testing.T) {
	t.Parallel()
	m := maker(t, 1)
	text := made(t, m, "send", "")
	touched := []string{"", ".", "..", text + "=", text + ".", text + "\n", " " + text, strings.ToUpper(text), text[1:], "0" + text, "+" + text, strings.Repeat("a", 5000) + text}
	for i := range text {
		for _, c := range "Aa0_.-" {
			if byte(c) != text[i] {
				touched = append(touched, text[:i]+string(c)+text[i+1:])
			}
		}
	}
	for _, other := range touched {
		if _, err := m.Age(noon, other, "send", ""); !errors.Is(err, puzzle.ErrForeign) {
			t.Errorf("%.80q: %v", other, err)
		}
	}
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
		t.Errorf("%q does not stand for itself in a page and before a colon", text)
	}
}

func TestNoTwoPuzzlesAreTheSame(t *testing.T) {
	t.Parallel()
	m, seen := maker(t, 1), map[string]bool{}
	for range 1000 {
		id := puzzle.ID(made(t, m, "send", ""))
		if seen[id] {
			t.Fatal("a puzzle was made twice")
		}
		seen[id] = true
	}
}

func TestWithoutRandomnessThereIsNoPuzzle(t *testing.T) {
	t.Parallel()
	m := maker(t, 1)
	m.Rand = iotest.ErrReader(errors.New("dry"))
	if text, err := m.New(noon, "send", ""); err == nil || text != "" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestASolutionSolvesItsOwnPuzzleOnly(t *testing.T) {
	t.Parallel()
	m := maker(t, 1)
	one, two := made(t, m, "send", ""), made(t, m, "send", "")
	solution := puzzle.Solve(one)
	if !puzzle.Solved(one, solution) || puzzle.Solved(two, solution) || puzzle.Solved(one, "") {
		t.Fatal("a solution does not belong to its puzzle")
	}
	numbers := strings.Split(solution, ",")
	swapped := slices.Clone(numbers)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	for _, wrong := range []string{
		strings.Join(swapped, ","), strings.Join(numbers[1:], ","), solution + ",", solution + ",0", "," + solution,
		strings.Repeat(numbers[0]+",", 15) + numbers[0],
		strings.Replace(solution, ",", ", ", 1), " " + solution, solution + "\n", "+" + solution, "0" + solution, "-" + solution,
		strings.Repeat("9", 1<<16), strings.Repeat(",", 1<<16),
	} {
		if puzzle.Solved(one, wrong) {
			t.Errorf("%.80q is taken for a solution", wrong)
		}
	}
	for i := range numbers { // each part counts
		n, _ := strconv.Atoi(numbers[i])
		changed := slices.Clone(numbers)
		changed[i] = strconv.Itoa(n + 1)
		if puzzle.Solved(one, strings.Join(changed, ",")) != beginsWithZeros(one, i, n+1) {
			t.Errorf("part %d is not looked at", i)
		}
	}
}

// beginsWithZeros is the definition of a part, once more and in other words.
func beginsWithZeros(text string, i, n int) bool {
	sum := sha256.Sum256([]byte(text + "." + strconv.Itoa(i) + "." + strconv.Itoa(n)))
	return sum[0] == 0 && sum[1] < 16
}

// Whatever the purpose and network are: what was made is known again, by nobody else, and
// the least solution is found and has no part smaller.
func TestWhatIsMadeIsKnownAgainAndCanBeSolved(t *testing.T) {
	t.Parallel()
	m, other := maker(t, 1), maker(t, 2)
	rapid.Check(t, func(r *rapid.T) {
		what, network := rapid.String().Draw(r, "what"), rapid.String().Draw(r, "network")
		text := made(t, m, what, network)
		if _, err := m.Age(noon, text, what, network); err != nil {
			r.Fatal(err)
		}
		if _, err := m.Age(noon, text, network+"x", what); err == nil {
			r.Fatal("another purpose is taken")
		}
		if _, err := other.Age(noon, text, what, network); err == nil {
			r.Fatal("another secret is taken")
		}
	})
	text := made(t, m, "send", "")
	for i, number := range strings.Split(puzzle.Solve(text), ",") {
		n, err := strconv.Atoi(number)
		if err != nil || !beginsWithZeros(text, i, n) {
			t.Fatalf("part %d: %s", i, number)
		}
		for less := range n {
			if beginsWithZeros(text, i, less) {
				t.Fatalf("part %d: %d would do as well as %d", i, less, n)
			}
		}
	}
}

// The work is 65,536 hashes on average, and nobody is much less lucky than the others.
func TestTheWorkVariesLittle(t *testing.T) {
	t.Parallel()
	m := maker(t, 1)
	m.Rand = bytes.NewReader(bytes.Repeat([]byte("the same puzzles at each run"), 40))
	var all []float64
	for range 40 {
		tries := 0.0
		for number := range strings.SplitSeq(puzzle.Solve(made(t, m, "send", "")), ",") {
			n, _ := strconv.Atoi(number)
			tries += float64(n + 1)
		}
		all = append(all, tries)
	}
	slices.Sort(all)
	mean := 0.0
	for _, tries := range all {
		mean += tries / float64(len(all))
	}
	if math.Abs(mean-65536) > 13000 || all[len(all)-1] > 2*65536 {
		t.Errorf("%.0f tries on average, %.0f at most", mean, all[len(all)-1])
	}
}

func FuzzAnEffortFromOutside(f *testing.F) {
	m := maker(f, 1)
	m.Rand = strings.NewReader("the same puzzle in each process")
	text := made(f, m, "send", "")
	solution := puzzle.Solve(text)
	f.Add(text, solution)
	f.Add("", "")
	f.Add(text+".", solution+",")
	f.Fuzz(func(t *testing.T, gotText, gotSolution string) {
		if _, err := m.Age(noon, gotText, "send", ""); err == nil && gotText != text {
			t.Errorf("%q was never made", gotText)
		}
		if puzzle.Solved(gotText, gotSolution) {
			parts := strings.Split(gotSolution, ",")
			if len(parts) != puzzle.Parts || len(gotText) > 128 {
				t.Errorf("%q solves %q", gotSolution, gotText)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	m := maker(b, 1)
	text := made(b, m, "send", "198.51.100.0/24")
	solution := puzzle.Solve(text)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Age(noon, text, "send", "198.51.100.0/24"); err != nil || !puzzle.Solved(text, solution) {
			b.Fatal(err)
		}
	}
}

func BenchmarkSolve(b *testing.B) {
	m := maker(b, 1)
	for b.Loop() {
		puzzle.Solve(made(b, m, "send", ""))
	}
}
