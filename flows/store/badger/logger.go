package badger

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
)

// logger passes Badger's messages on to slog. Badger formats keys into some of
// them, and keys hold addresses, so of the arguments only numbers and causes
// of errors come through.
type logger struct{ to *slog.Logger }

func (l logger) Errorf(format string, args ...any) {
	l.to.Error("badger: "+strings.TrimSpace(format), details(args)...)
}

func (l logger) Warningf(format string, args ...any) {
	l.to.Warn("badger: "+strings.TrimSpace(format), details(args)...)
}

// Infof is Badger's chatter about levels and tables.
func (l logger) Infof(format string, args ...any) {
	l.to.Debug("badger: "+strings.TrimSpace(format), details(args)...)
}

// Debugf says nothing: it is where Badger prints keys.
func (l logger) Debugf(string, ...any) {}

func details(args []any) []any {
	var safe []any
	for _, arg := range args {
		if err, ok := arg.(error); ok {
			safe = append(safe, cause(err))
			continue
		}
		switch kind := reflect.ValueOf(arg).Kind(); {
		case kind == reflect.Bool, kind >= reflect.Int && kind <= reflect.Float64:
			safe = append(safe, fmt.Sprint(arg))
		}
	}
	if len(safe) == 0 {
		return nil
	}
	return []any{slog.Any("details", safe)}
}
