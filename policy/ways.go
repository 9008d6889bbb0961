package policy

import (
	"cmp"
	"slices"
	"time"
)

// Ways lists the sets of factors, out of those in have, whose proof now, for the very
// request that is judged, would meet d, each without a factor that it could do without. The smallest set comes
// first, then the preferred one. No way is nil: the account cannot meet d.
// A demand that is met already has one way, the empty set.
//
// It tries every subset: with the few factors there are, the plain definition is
// also the fastest answer, and no second rule can drift from [Demand.Missing].
func Ways(d Demand, p Proof, now time.Time, have Factors) []Factors {
	var enough []Factors
	for set := Factors(0); set <= All(); set++ {
		if set&have != set {
			continue
		}
		proved := p
		for _, f := range set.Slice() {
			proved = proved.With(f, now)
		}
		proved = proved.Here(p.here | set)
		if d.Met(proved, now) {
			enough = append(enough, set)
		}
	}
	minimal := slices.DeleteFunc(slices.Clone(enough), func(set Factors) bool {
		return slices.ContainsFunc(enough, func(smaller Factors) bool {
			return smaller != set && smaller&set == smaller
		})
	})
	slices.SortFunc(minimal, func(a, b Factors) int {
		return cmp.Or(cmp.Compare(a.Len(), b.Len()), cmp.Compare(a, b))
	})
	return minimal
}
