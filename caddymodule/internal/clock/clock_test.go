package clock

import (
	"testing"
	"time"
)

func TestTheTimeIsTheSystemsUntilItIsMoved(t *testing.T) {
	if ahead := time.Until(Now()).Abs(); ahead > time.Minute {
		t.Errorf("%v off", ahead)
	}
	Advance(2 * time.Hour)
	defer Advance(-2 * time.Hour)
	if ahead := time.Until(Now()); ahead < time.Hour || ahead > 3*time.Hour {
		t.Errorf("moved by 2h, %v off", ahead)
	}
}
