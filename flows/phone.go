package flows

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"
)

// ParsePhone reads what somebody typed as a mobile number into E.164. A number
// without a country code is read as one of the first of countries; "*" there allows
// any country but assumes none.
//
// Numbers are judged by length and type, not against the list of ranges in use: that
// list is always older than the newest range, and refuses the reserved test numbers.
func ParsePhone(input string, countries []string) (e164 string, refusal *Refusal) {
	typed := strings.TrimFunc(norm.NFKC.String(input), isBlank)
	if typed == "" {
		return "", &Refusal{Code: PhoneMissing, Field: "phone"}
	}
	malformed := &Refusal{Code: PhoneMalformed, Field: "phone"}
	if len(typed) > 64 || !utf8.ValidString(input) || strings.ContainsFunc(typed, isLetter) {
		return "", malformed
	}
	if rest, ok := strings.CutPrefix(typed, "00"); ok {
		typed = "+" + rest
	}
	region := ""
	if len(countries) > 0 && countries[0] != "*" {
		region = strings.ToUpper(countries[0])
	}
	number, err := phonenumbers.Parse(typed, region)
	if err != nil || phonenumbers.IsPossibleNumberWithReason(number) != phonenumbers.IS_POSSIBLE || number.GetExtension() != "" {
		return "", malformed
	}
	if region := phonenumbers.GetRegionCodeForCountryCode(int(number.GetCountryCode())); region == nowhere || region == "ZZ" {
		return "", &Refusal{Code: PhoneCountry, Field: "phone"}
	}
	switch phonenumbers.GetNumberType(number) {
	case phonenumbers.FIXED_LINE, phonenumbers.VOIP, phonenumbers.PAGER, phonenumbers.UAN, phonenumbers.VOICEMAIL:
		return "", &Refusal{Code: PhoneNotMobile, Field: "phone"}
	case phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST, phonenumbers.TOLL_FREE, phonenumbers.PERSONAL_NUMBER:
		return "", &Refusal{Code: PhoneCountry, Field: "phone"}
	}
	if !slices.Contains(countries, "*") && !slices.ContainsFunc(countries, func(c string) bool {
		return inCountry(number, strings.ToUpper(c))
	}) {
		return "", &Refusal{Code: PhoneCountry, Field: "phone"}
	}
	e164 = phonenumbers.Format(number, phonenumbers.E164)
	if again, err := phonenumbers.Parse(e164, ""); err != nil || phonenumbers.Format(again, phonenumbers.E164) != e164 {
		return "", malformed // no number of its own: it would be read as another one
	}
	return e164, nil
}

// nowhere is the region of country codes that belong to no country: satellites (+870, +881),
// global networks (+882, +883), global free, shared-cost and premium numbers (+800, +808,
// +979) and the like. A text to one costs many times what it costs elsewhere, and "any
// country" does not mean them.
const nowhere = "001"

// inCountry compares by region where the number's range is known, and otherwise by
// the country code's main region: an unknown range of +1 is the United States', not
// each of the two dozen countries that share the code.
func inCountry(number *phonenumbers.PhoneNumber, country string) bool {
	region := phonenumbers.GetRegionCodeForNumber(number)
	if region == "" {
		region = phonenumbers.GetRegionCodeForCountryCode(int(number.GetCountryCode()))
	}
	return region == country
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
