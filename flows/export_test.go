package flows

// ReadAttributes lets tests of the package's contract see how values are read.
func ReadAttributes(s *Site, given map[string]string) (map[string]string, *Refusal) {
	return s.readAttributes(nil, given)
}
