package caddymodule

import (
	"fmt"
	"slices"

	"github.com/stepgate/stepgate/caddymodule/hygiene"
	"github.com/stepgate/stepgate/ui"
)

// newHygiene compiles what is refused and removed from every request.
func (h *Handler) newHygiene() (*hygiene.Rules, error) {
	options := hygiene.Options{
		Strip:             append(append(h.Inject.names(), h.Risk.headerNames()...), decisionHeader),
		Cookies:           ui.OurCookies(),
		PassAuthorization: h.Authorization == "pass",
		Prefixes:          []string{h.Prefix},
	}
	if h.Native != nil {
		options.Prefixes = append(options.Prefixes, h.Native.Base)
	}
	for _, class := range h.LenientPaths {
		options.Lenient = append(options.Lenient, hygiene.Class(class))
	}
	return hygiene.New(options)
}

func lenientClasses() []string {
	words := make([]string, len(hygiene.Classes))
	for i, class := range hygiene.Classes {
		words[i] = string(class)
	}
	return words
}

func checkLenientClass(word string) error {
	if !slices.Contains(hygiene.Classes, hygiene.Class(word)) {
		return fmt.Errorf("unknown class %q in lenient_paths: use %s", word, alternatives(lenientClasses()))
	}
	return nil
}
