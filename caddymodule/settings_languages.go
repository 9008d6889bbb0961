package caddymodule

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/ui"
)

// checkLanguages makes sure that all of these languages are there, and none twice. An
// empty list is one that says nothing.
func checkLanguages(tags []string) error {
	if tags != nil && len(tags) == 0 {
		return fmt.Errorf("languages names none: list their tags, the default first, or leave it out for all")
	}
	if err := ui.CheckLanguages(tags...); err != nil {
		return fmt.Errorf("languages: %w", err)
	}
	return nil
}

// offerLanguages limits the style of the app to its languages.
func (a *App) offerLanguages() (err error) {
	if err := checkLanguages(a.Languages); err != nil {
		return err
	}
	a.style, err = a.style.Offering(a.Languages...)
	return err
}

// offerLanguages limits the style of the site to its languages, or to the app's.
func (h *Handler) offerLanguages() (err error) {
	if err := checkLanguages(h.Languages); err != nil {
		return err
	}
	tags := h.Languages
	if len(tags) == 0 {
		tags = h.app.Languages
	}
	h.style, err = h.style.Offering(tags...)
	return err
}

// languageVar keeps the language that a person has chosen, for the pages that answer in the
// application's place: its cookie is taken out of the request before that is judged.
const languageVar = "stepgate.language"

func (s *site) noteLanguage(r *http.Request) {
	if tag, ok := s.cookies.RawLanguage(r); ok {
		caddyhttp.SetVar(r.Context(), languageVar, tag)
	}
}

func notedLanguage(r *http.Request) string {
	tag, _ := caddyhttp.GetVar(r.Context(), languageVar).(string)
	return tag
}
