package caddymodule

import (
	"net/http"

	"github.com/stepgate/stepgate/flows"
)

// hold keeps a form that was being sent when proof was owed, and returns its id; empty
// where it is not kept.
func (s *site) hold(w http.ResponseWriter, r, original *http.Request, session *flows.Live, j judgement) string {
	return ""
}

// sendOn turns the press of a "Continue" button into the form that was held, if r is
// one. It returns false when it has answered the request itself.
func (s *site) sendOn(w http.ResponseWriter, r, original *http.Request, session *flows.Live) bool {
	return true
}
