package caddymodule

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/stepgate/stepgate/policy"
)

// The keywords that take words, and how many: -1 is one or more.
var settingWords = map[string]int{
	"groups": -1, "proof": -1, "header": -1, "session_age": 1, "device": 1, "network": 1, "failures": 1, "from": 1, "risk": 1, "direct": 0,
}

// parseSettings reads settings into a question that may have some already. also is what
// else could stand there.
func parseSettings(words []caseWord, q *Question, also ...string) error {
	seen := make(map[string]bool)
	for len(words) > 0 {
		keyword := words[0].text
		count, known := settingWords[keyword]
		if !known || words[0].quoted {
			return fmt.Errorf("unknown word %q: use %s", keyword, alternatives(append(sortedKeys(settingWords), also...)))
		}
		if seen[keyword] {
			return fmt.Errorf("%s is given twice", keyword)
		}
		seen[keyword] = true
		end := 1
		for end < len(words) && (count < 0 || end <= count) {
			if _, next := settingWords[words[end].text]; next && !words[end].quoted {
				break
			}
			end++
		}
		var values []string
		for _, word := range words[1:end] {
			values = append(values, word.text)
		}
		if count >= 0 && len(values) != count || count < 0 && len(values) == 0 {
			return fmt.Errorf("%s says nothing: write a value after it", keyword)
		}
		if err := setting(keyword, values, q); err != nil {
			return err
		}
		words = words[end:]
	}
	return nil
}

func setting(keyword string, values []string, q *Question) (err error) {
	switch keyword {
	case "groups":
		q.Groups = values
		for i, group := range values {
			if slices.Contains(values[:i], group) {
				return fmt.Errorf("group %s is given twice", group)
			}
		}
	case "proof":
		q.Proof, err = parseProofs(values, q.Proof)
	case "header":
		q.Header, err = parseHeaders(values, q.Header)
	case "session_age":
		q.SessionAge, err = parseAge(values[0])
	case "device":
		q.NewDevice, err = parseKnown(keyword, values[0])
	case "network":
		q.NewNetwork, err = parseKnown(keyword, values[0])
	case "failures":
		if q.Failures, err = strconv.Atoi(values[0]); err != nil {
			err = fmt.Errorf("%q is no number of failures", values[0])
		}
	case "from":
		q.From = values[0]
	case "risk":
		q.Risk = values[0]
	case "direct":
		q.Direct = true
	}
	return err
}

func parseKnown(keyword, word string) (isNew bool, err error) {
	if word != "known" && word != "new" {
		return false, fmt.Errorf("%s is known or new, not %q", keyword, word)
	}
	return word == "new", nil
}

func parseAge(text string) (caddy.Duration, error) {
	age, err := caddy.ParseDuration(text)
	if err != nil || age < 0 {
		return 0, fmt.Errorf("%q is no age: write one such as 90s, 15m or 2h", text)
	}
	return caddy.Duration(age), nil
}

// proofWords are short names of factors.
var proofWords = map[string]policy.Factor{"password": policy.Password, "email": policy.EmailCode, "sms": policy.SMSCode}

// parseProofs reads email=2m and the like, over what is there already.
func parseProofs(words []string, over map[string]caddy.Duration) (map[string]caddy.Duration, error) {
	proof := make(map[string]caddy.Duration)
	for _, word := range words {
		name, text, ok := strings.Cut(word, "=")
		f, short := proofWords[name]
		if !short {
			if f, short = policy.ParseFactor(name); !short {
				return nil, fmt.Errorf("unknown proof %q: use password=AGE, email=AGE or sms=AGE", word)
			}
		}
		if !ok {
			return nil, fmt.Errorf("%s was proved when? Write its age, such as %s=2m", name, name)
		}
		age, err := parseAge(text)
		if err != nil {
			return nil, err
		}
		if _, twice := proof[f.String()]; twice {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		proof[f.String()] = age
	}
	for name, age := range over {
		if _, newer := proof[name]; !newer {
			proof[name] = age
		}
	}
	return proof, nil
}

// parseHeaders reads "Name: value", over what is there already.
func parseHeaders(lines []string, over http.Header) (http.Header, error) {
	header := make(http.Header)
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%q is no header: write \"Name: value\"", line)
		}
		if err := checkImaginedHeader(name, []string{strings.TrimSpace(value)}); err != nil {
			return nil, err
		}
		if header[http.CanonicalHeaderKey(name)] != nil {
			return nil, fmt.Errorf("header %s is given twice", http.CanonicalHeaderKey(name))
		}
		header.Set(name, strings.TrimSpace(value))
	}
	for name, values := range over {
		if header[name] == nil {
			header[name] = values
		}
	}
	return header, nil
}
