// Package oneshot makes one HTTP request to a provider and knows afterwards whether the
// provider may have got it. That decides whether a message may be sent again: a request
// that was written to its end without an answer may have been obeyed.
package oneshot
