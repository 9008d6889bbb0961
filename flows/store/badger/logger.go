package badger

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync/atomic"
)

// logger passes Badger's messages on to slog. Badger formats keys into some of
// them, and keys hold addresses, so of the arguments only numbers and causes
// of errors come through.
type logger struct {
	to *slog.Logger
	// dropped counts tables that Badger opened the store without, because their
	// checksum was wrong. It says so in its log and nowhere else.
	dropped atomic.Int32
}

func (l *logger) Errorf(format string, args ...any) {
	if strings.HasPrefix(format, "Ignoring table") {
		l.dropped.Add(1)
	}
	l.to.Error("badger: "+message(format), details(args)...)
}

func (l *logger) Warningf(format string, args ...any) {
	l.to.Warn("badger: "+message(format), details(args)...)
}

// Infof is Badger's chatter about levels and tables.
func (l *logger) Infof(format string, args ...any) {
	l.to.Debug("badger: "+message(format), details(args)...)
}

// Debugf says nothing: it is where Badger prints keys.
func (l *logger) Debugf(string, ...any) {}

// message is the constant part of a message. Badger also passes ready-made
// texts as formats; those are reduced to their cause.
func message(format string) string {
	if strings.HasPrefix(format, "CHECKSUM_MISMATCH") {
		return "checksum mismatch"
	}
	return strings.TrimSpace(format)
}

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
