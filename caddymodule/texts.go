package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// parseTexts reads a file of messages: one JSON object from key to text. A key that is
// there twice is an error, since only one of them could be heard.
func parseTexts(data []byte) (map[string]string, error) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	wrong := func(format string, args ...any) error {
		line := 1 + bytes.Count(data[:min(int(d.InputOffset()), len(data))], []byte("\n"))
		return fmt.Errorf("line %d: %w", line, fmt.Errorf(format, args...))
	}
	const form = `write {"key": "text", …}`
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, wrong("this is no JSON object: %s", form)
	}
	texts := make(map[string]string)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, wrong("%w: %s", err, form)
		}
		key, _ := token.(string) // in an object it is nothing else
		value, err := d.Token()
		if err != nil {
			return nil, wrong("%w: %s", err, form)
		}
		text, ok := value.(string)
		if !ok {
			return nil, wrong("the text of %q is none: %s", key, form)
		}
		if _, twice := texts[key]; twice {
			return nil, wrong("the key %q is there twice: keep one", key)
		}
		texts[key] = text
	}
	if _, err := d.Token(); err != nil {
		return nil, wrong("the object is not closed: end it with }")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, wrong("something follows the object: end the file with }")
	}
	return texts, nil
}
