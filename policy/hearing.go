package policy

// Miss is why a rule does not speak for a request.
type Miss string

const (
	MissTarget    Miss = "target"    // the request is in none of its targets
	MissRisk      Miss = "risk"      // the risk is too low
	MissCondition Miss = "condition" // the request is not in one of its conditions
)

// A Hearing says whether a rule speaks for a request, and why.
type Hearing struct {
	Miss Miss // empty: it speaks
	// Target is the one that the request is in, or the condition that it is not in; -1
	// where that is not the reason.
	Target TargetID
}

// Hear reports whether the rule speaks for a request.
func (r *Rule) Hear(q Request) (Hearing, error) {
	return r.hear(q.Risk, &memo{ask: q.In})
}

// hear asks what is cheap first.
func (r *Rule) hear(risk Risk, asked *memo) (Hearing, error) {
	if risk < r.Risk {
		return Hearing{MissRisk, -1}, nil
	}
	heard := Hearing{Target: -1}
	if len(r.On) > 0 {
		heard.Miss = MissTarget
	}
	for _, target := range r.On {
		in, err := asked.in(target)
		if err != nil {
			return heard, err
		}
		if in {
			heard = Hearing{Target: target}
			break
		}
	}
	if heard.Miss != "" {
		return heard, nil
	}
	for _, condition := range r.If {
		if in, err := asked.in(condition); err != nil || !in {
			return Hearing{MissCondition, condition}, err
		}
	}
	return heard, nil
}

// memo remembers answers, since a matcher may be costly and several rules may speak of
// one target. Those beyond its size are asked again.
type memo struct {
	ask        func(TargetID) (bool, error)
	known, yes [8]uint64
}

func (m *memo) in(id TargetID) (bool, error) {
	word, bit := int(id)/64, uint64(1)<<(uint(id)%64)
	if id < 0 || word >= len(m.known) {
		return m.ask(id)
	}
	if m.known[word]&bit != 0 {
		return m.yes[word]&bit != 0, nil
	}
	in, err := m.ask(id)
	if err != nil {
		return false, err
	}
	m.known[word] |= bit
	if in {
		m.yes[word] |= bit
	}
	return in, nil
}
