package ui

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxForm bounds the body of a form. The largest honest one is a few hundred bytes.
const maxForm = 64 << 10

// Errors of readForm, each with a status of its own.
var (
	errFormType   = errors.New("a form must be application/x-www-form-urlencoded")
	errFormTooBig = errors.New("the form is too big")
	errFormShape  = errors.New("the form cannot be read")
)

// fields are the fields of a form or query. Each was there once at most; those
// nobody asks for are ignored.
type fields url.Values

func (f fields) get(name string) string { return url.Values(f).Get(name) }

// readForm reads a posted form. Two servers could read a doubled field, another
// type or another character set differently: all of them are errors.
func readForm(w http.ResponseWriter, r *http.Request) (fields, error) {
	if values := r.Header["Content-Type"]; len(values) != 1 || !formType(values[0]) {
		return nil, errFormType
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, errFormType
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if tooBig := new(http.MaxBytesError); errors.As(err, &tooBig) {
		return nil, errFormTooBig
	}
	if err != nil {
		return nil, errFormShape
	}
	return parseFields(string(body))
}

func formType(header string) bool {
	kind, params, err := mime.ParseMediaType(header)
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return false
	}
	charset := params["charset"]
	delete(params, "charset")
	return len(params) == 0 && (charset == "" || strings.EqualFold(charset, "utf-8"))
}

// parseFields reads a query or an urlencoded body.
func parseFields(raw string) (fields, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errFormShape
	}
	for name, list := range values {
		if len(list) > 1 || !utf8.ValidString(name) || !utf8.ValidString(list[0]) || strings.ContainsRune(list[0], 0) {
			return nil, errFormShape
		}
	}
	return fields(values), nil
}
