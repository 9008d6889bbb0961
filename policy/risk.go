package policy

import "fmt"

// Risk is how dangerous a request seems. The bands are ordered: what is asked for at one
// is asked for at every higher one.
type Risk uint8

const (
	NoRisk Risk = iota
	LowRisk
	MediumRisk
	HighRisk

	riskCount
)

var riskNames = [riskCount]string{"none", "low", "medium", "high"}

// String is the word that configuration uses.
func (r Risk) String() string {
	if r < riskCount {
		return riskNames[r]
	}
	return fmt.Sprintf("risk(%d)", uint8(r))
}

// ParseRisk is the inverse of [Risk.String].
func ParseRisk(word string) (Risk, bool) {
	for r, name := range riskNames {
		if name == word {
			return Risk(r), true
		}
	}
	return HighRisk, false
}
