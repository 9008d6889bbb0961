package ui

import "testing"

// plain is Stepgate's own style.
var plain = styled(Look{})

func styled(look Look) *Style {
	style, err := NewStyle(look)
	if err != nil {
		panic(err)
	}
	return style
}

func TestALookThatIsNotSoundIsRefused(t *testing.T) {
	t.Parallel()
	for what, look := range map[string]Look{
		"a colour by name": {Accent: "red"},
	} {
		if _, err := NewStyle(look); err == nil {
			t.Errorf("%s made a style", what)
		}
	}
}
