package flows

import (
	"testing"
	"time"
)

func TestThePrefixOfFewVerifiedNumbersIsPausedForAnHour(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	for name, row := range map[string]struct {
		every    time.Duration // between messages
		verified func(i int) bool
		tripped  int // by which message; 0: by none of 100
	}{
		"nothing comes back":              {time.Minute, func(int) bool { return false }, 10},
		"one in six comes back":           {time.Minute, func(i int) bool { return i%6 == 0 }, 10},
		"one in four comes back":          {time.Minute, func(i int) bool { return i%4 == 1 }, 0},
		"all come back":                   {time.Second, func(int) bool { return true }, 0},
		"fewer than ten in an hour":       {7 * time.Minute, func(int) bool { return false }, 0},
		"ten in an hour":                  {6 * time.Minute, func(int) bool { return false }, 10},
		"they stop coming back some time": {time.Minute, func(i int) bool { return i < 20 }, 66},
	} {
		var v conversions
		now, tripped := begin, 0
		for i := 1; i <= 100 && tripped == 0; i++ {
			var is bool
			if v, is = v.sent(now); is {
				tripped = i
				break
			}
			if row.verified(i) {
				v = v.verified(now)
			}
			now = now.Add(row.every)
		}
		if tripped != row.tripped {
			t.Errorf("%s: paused by message %d, want %d", name, tripped, row.tripped)
		}
		if tripped == 0 {
			continue
		}
		if wait := v.wait(now); wait != time.Hour {
			t.Errorf("%s: paused for %v", name, wait)
		}
		if v.wait(now.Add(time.Hour-1)) == 0 || v.wait(now.Add(time.Hour)) != 0 {
			t.Errorf("%s: the pause does not end after an hour", name)
		}
		if wait := v.wait(now.Add(-1000 * time.Hour)); wait > time.Hour {
			t.Errorf("%s: with a clock set back it lasts %v", name, wait)
		}
	}
}

func TestColleaguesWhoAddTheirPhonesAtOncePauseNothingForLong(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	var v conversions
	for range 10 {
		v, _ = v.sent(now)
	}
	if v.wait(now) == 0 {
		t.Fatal("ten texts without a code that came back do not pause the prefix")
	}
	now = now.Add(30 * time.Second)
	v = v.verified(now)
	if v.wait(now) == 0 {
		t.Error("one of ten is enough")
	}
	if v = v.verified(now); v.wait(now) != 0 {
		t.Error("two of ten are not enough")
	}
}

func TestWhatCouldNotBeHandedOverIsNoMessage(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	var v conversions
	for i := range 50 {
		v, _ = v.sent(now)
		if v = v.unsent(now); v.wait(now) != 0 {
			t.Fatalf("paused by %d messages that were never sent", i+1)
		}
	}
	if v = v.unsent(now); len(v.Slots) != 1 || v.Slots[0].Sent != 0 {
		t.Errorf("less than nothing was sent: %+v", v)
	}
}

func TestTheCountsOfAPrefixStaySmall(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	var v conversions
	for range 10_000 {
		v, _ = v.sent(now)
		now = now.Add(17 * time.Second)
	}
	if n := len(v.Slots); n > int(breakerSpan/breakerSlot) {
		t.Errorf("%d slots are kept", n)
	}
}

func TestAPrefixIsANumberLessItsLastFourDigitsInItsCountry(t *testing.T) {
	t.Parallel()
	for number, want := range map[string][2]string{
		"+447700900123": {"+44770090", "GB"},
		"+12025550123":  {"+1202555", "US"},
		"+33639980123":  {"+3363998", "FR"},
		"+18762101234":  {"+1876210", "JM"}, // one of those that share the code of the US
	} {
		if got := [2]string{phonePrefix(number), phoneCountry(number)}; got != want {
			t.Errorf("%s: %v, want %v", number, got, want)
		}
	}
}
