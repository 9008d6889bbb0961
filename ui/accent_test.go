package ui

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func checkTokens(brand rgb, s scheme) error {
	t := derive(brand, s)
	for _, pair := range []struct {
		name  string
		a, b  rgb
		least float64
	}{
		{"label on button", t.on, t.accent, 4.5}, {"label on hovered button", t.on, t.hover, 4.5},
		{"edge on surface", t.edge, s.surface, 3}, {"edge on page", t.edge, s.page, 3},
		{"link on surface", t.text, s.surface, s.text}, {"link on page", t.text, s.page, s.text},
		{"link on sunken", t.text, s.sunken, s.text}, {"link on tint", t.text, t.soft, s.text},
		{"ink on tint", s.ink, t.soft, 4.5}, {"second ink on tint", s.ink2, t.soft, 4.5},
	} {
		if got := contrast(pair.a, pair.b); got < pair.least {
			return fmt.Errorf("%v: %s is %.3f:1, less than %.1f (%v on %v)", brand, pair.name, got, pair.least, pair.a, pair.b)
		}
	}
	return nil
}

func TestAnyAccentIsReadable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		brand := rgb{rapid.Byte().Draw(t, "r"), rapid.Byte().Draw(t, "g"), rapid.Byte().Draw(t, "b")}
		for _, s := range []scheme{lightScheme, darkScheme} {
			if err := checkTokens(brand, s); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestCornerAndNotableAccentsAreReadable(t *testing.T) {
	t.Parallel()
	accents := []string{DefaultAccent, "#ffd60a", "#0a1f44", "#777777", "#767676", "#757575"}
	for i := range 27 { // every corner, edge and middle of the cube
		level := [3]string{"00", "80", "ff"}
		accents = append(accents, "#"+level[i/9]+level[i/3%3]+level[i%3])
	}
	for _, accent := range accents {
		for _, s := range []scheme{lightScheme, darkScheme} {
			if err := checkTokens(mustColour(accent), s); err != nil {
				t.Error(err)
			}
		}
	}
}

var all = flag.Bool("all", false, "check every accent there is, all 2^24 in both schemes: some minutes on each processor")

// Without -all it checks a grid of them.
func TestEveryAccentIsReadableInBothSchemes(t *testing.T) {
	t.Parallel()
	step := 17
	if *all {
		step = 1
	}
	reds := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for r := range reds {
				for g := 0; g < 256; g += step {
					for b := 0; b < 256; b += step {
						for _, s := range []scheme{lightScheme, darkScheme} {
							if err := checkTokens(rgb{uint8(r), uint8(g), uint8(b)}, s); err != nil {
								t.Error(err)
							}
						}
					}
				}
			}
		})
	}
	for r := 0; r < 256; r += step {
		reds <- r
	}
	close(reds)
	workers.Wait()
}

func TestTheBrandsColourIsKeptOnALightPage(t *testing.T) {
	t.Parallel()
	for _, accent := range []string{DefaultAccent, "#ffd60a", "#0a1f44"} {
		if got := derive(mustColour(accent), lightScheme).accent; got != mustColour(accent) {
			t.Errorf("%s became %v", accent, got)
		}
	}
}

// The derivation reckons with the stylesheet's neutral colours: they must be the
// same.
func TestTheNeutralsAreThoseOfTheStylesheet(t *testing.T) {
	t.Parallel()
	css := string(mustAsset(t, "assets/stepgate.css"))
	light, dark, ok := strings.Cut(css, "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("the stylesheet has no dark scheme")
	}
	for part, s := range map[string]scheme{light: lightScheme, dark: darkScheme} {
		for name, c := range map[string]rgb{"--page": s.page, "--surface": s.surface, "--sunken": s.sunken, "--ink": s.ink, "--ink-2": s.ink2} {
			if want := strings.ToUpper(fmt.Sprintf("%s: %v;", name, c)); !strings.Contains(strings.ToUpper(part), want) {
				t.Errorf("the stylesheet lacks %s", want)
			}
		}
	}
}

func TestOnlyWholeHexColoursAreAccents(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "#", "#fff", "0b5d51", "#0b5d5", "#0b5d511", "#0b5d5g", "red", "#0b5d51;}"} {
		if c, err := parseColour(bad); err == nil {
			t.Errorf("%q was read as %v", bad, c)
		}
	}
}

func mustAsset(t testing.TB, name string) []byte {
	t.Helper()
	data, err := files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
