package caddymodule

import (
	"encoding/json"
	"strings"
	"testing"
)

// jsonConfig is a small whole configuration with some members of the app and of the
// handler laid over it, each given as a JSON object; null removes a member.
func jsonConfig(t *testing.T, app, handler string) []byte {
	t.Helper()
	lay := func(base map[string]any, over string) map[string]any {
		var members map[string]any
		if err := json.Unmarshal([]byte(over), &members); err != nil {
			t.Fatalf("%s: %v", over, err)
		}
		for name, value := range members {
			if value == nil {
				delete(base, name)
				continue
			}
			base[name] = value
		}
		return base
	}
	list := func(items ...any) []any { return items }
	config, err := json.Marshal(map[string]any{"apps": map[string]any{
		"stepgate": lay(map[string]any{
			"store": map[string]any{"module": "memory"},
			"email": list(map[string]any{"module": "inbox"}),
			"sms":   list(map[string]any{"module": "inbox"}),
		}, app),
		"http": map[string]any{"servers": map[string]any{"srv0": map[string]any{
			"listen": list(":8080"),
			"routes": list(map[string]any{"handle": list(lay(map[string]any{
				"handler": "stepgate",
				"origins": list("http://localhost:8080"),
			}, handler))}),
		}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func TestBadJSONIsRefusedAsABadCaddyfileIs(t *testing.T) {
	t.Parallel()
	if _, err := startSite(t, jsonConfig(t, `{}`, `{}`)); err != nil {
		t.Fatalf("the configuration without a mistake: %v", err)
	}
	for _, row := range []struct{ app, handler, want string }{
		// what is unknown
		{`{"stroe": {"module": "memory"}}`, `{}`, "stroe"},
		{`{}`, `{"cors": {"orgins": ["https://app.example"]}}`, "orgins"},
		{`{}`, `{"cors": {}}`, "cors names nobody"},
		{`{}`, `{"cors": {"methods": ["GET"]}}`, "cors names nobody"},
		{`{}`, `{"cors": {"origins": ["https://*"]}}`, "pages of strangers"},
		{`{}`, `{"cors": {"pass": true, "max_age": 0}}`, "leaves it all to the application"},
		{`{}`, `{"cors": {"origins": ["https://app.example"], "methods": ["get"]}}`, "no method"},
		{`{}`, `{"orgins": ["http://localhost"]}`, "orgins"},
		{`{}`, `{"rules": [{"verb": "require", "demand": {"proof": "otp", "in": "5m"}}]}`, "in"},
		{`{"store": {"module": "redis"}}`, `{}`, "stepgate.stores.redis"},
		{`{"email": [{"module": "sendmail"}]}`, `{}`, "stepgate.senders.sendmail"},
		{`{"email": [{}]}`, `{}`, "module"},
		{`{"store": {"module": "memory", "path": "/x"}}`, `{}`, "path"},
		// senders
		{`{"email": null}`, `{}`, "no e-mail sender"},
		{`{"email": [{"module": "vonage", "api_key": "abcd1234", "api_secret": "s", "from": "Example", "countries": ["DE"]}]}`, `{}`, "vonage is not for email"},
		{`{"sms": [{"module": "vonage", "api_key": "abcd1234", "api_secret": "s", "from": "Example"}]}`, `{}`, "countries"},
		{`{"sms": [{"module": "vonage", "api_key": "", "api_secret": "", "from": "", "countries": ["DE"]}]}`, `{}`, "api_key"},
		{`{"email": [{"module": "smtp", "address": "mail.example.com:0", "from": "a@example.com"}]}`, `{}`, "host and port"},
		{`{"email": [{"module": "smtp", "address": "mail.example.com:587"}]}`, `{}`, "from"},
		// numbers
		{`{"store": {"module": "badger", "path": "/nowhere", "min_free": -1}}`, `{}`, "min_free"},
		{`{"store": {"module": "badger", "path": "/nowhere", "min_free": 1}}`, `{}`, "min_free"},
		{`{"limits": {"guesses": {"burst": 10}}}`, `{}`, "guesses"},
		{`{"limits": {"guesses": {}}}`, `{}`, "leave it out"},
		{`{"limits": {"guesses": {"burst": 10, "every": "1m"}}}`, `{}`, "a day of guessing"},
		{`{"limits": {"gueses": {"burst": 10, "every": "1h"}}}`, `{}`, "gueses"},
		{`{"limits": {"sends_sms_day": -1}}`, `{}`, "sends_sms_day"},
		{`{"limits": {"sends_sms_day": 0}}`, `{}`, "sends_sms_day of nothing: leave it out"},
		{`{"limits": {"sends_email_hour": 0}}`, `{}`, "sends_email_hour of nothing: leave it out"},
		{`{"limits": {"hard_cap": 0}}`, `{}`, "hard_cap of nothing: leave it out"},
		{`{"limits": {"hard_cap": 9}}`, `{}`, "hard_cap"},
		{`{"limits": {"spend": {"daily": "25.00"}}}`, `{}`, "no price for *"},
		{`{"limits": {"spend": {"daily": "25,00", "prices": {"*": "0.30"}}}}`, `{}`, "an amount such as"},
		{`{"limits": {"spend": {"daily": "25.00", "prices": {"*": "0.30", "de": "0.05"}}}}`, `{}`, "not a country"},
		{`{"code": {"digits": 5}}`, `{}`, "code digits"},
		{`{"code": {"digits": -6}}`, `{}`, "code digits"},
		{`{"code": {"tries": -1}}`, `{}`, "code tries"},
		{`{"code": {"life": "-1m"}}`, `{}`, "code life"},
		{`{"code": {"life": "1m", "resend_after": "2m"}}`, `{}`, "another code"},
		{`{"session": {"idle": "-1h"}}`, `{}`, "session idle"},
		{`{"session": {"absolute": "30m"}}`, `{}`, "must not be less than idle"},
		{`{"password": {"reset_cool_down": "59m"}}`, `{}`, "reset_cool_down"},
		{`{"password": {"reset_cool_down": "-1h"}}`, `{}`, "reset_cool_down"},
		{`{"password": {"minimum": 7}}`, `{}`, "password minimum"},
		{`{"password": {"minimum": 8}}`, `{}`, "second factor"},
		// words
		{`{"secret": "c2hvcnQ"}`, `{}`, "secret"},
		{`{"secret": "{env.STEPGATE_TEST_EMPTY}"}`, `{}`, "is empty"},
		{`{"secret": "{http.request.host}"}`, `{}`, "secret"},
		{`{"sign_in": ["magic"]}`, `{}`, "sign_in"},
		{`{"sign_in": ["password", "password"]}`, `{}`, "twice"},
		{`{"sign_up": {"mode": "closed", "domains": ["example.com"]}}`, `{}`, "mode must then be domains"},
		{`{"sign_up": {"mode": "domains", "domains": ["example.com", "EXAMPLE.com"]}}`, `{}`, "twice"},
		{`{"tell_unknown": "NEVER"}`, `{}`, "use never, sign_in or always"},
		{`{"brand": {"accent": "0b5d51"}}`, `{}`, "accent"},
		{`{"brand": {"name": "two\nlines"}}`, `{}`, "brand name"},
		{`{"brand": {"name": "two\u2028lines"}}`, `{}`, "U+2028, with which no mail could be sent: remove it"},
		{`{"brand": {"name": "two\u2029lines"}}`, `{}`, "U+2029"},
		{`{"brand": {"name": "two\u0085lines"}}`, `{}`, "U+0085"},
		{`{}`, `{"name": "elpmaxe\u202e"}`, "U+202E"},
		{`{}`, `{"name": "ex\u00adample"}`, "U+00AD"},
		// attributes
		{`{"attributes": [null]}`, `{}`, "null"},
		{`{"attributes": [{}]}`, `{}`, "cannot name"},
		{`{"attributes": [{"name": "nick name", "label": "x"}]}`, `{}`, "cannot name"},
		{`{"attributes": [{"name": "PassWord", "label": "x"}]}`, `{}`, "cannot name"},
		{`{"attributes": [{"name": "nickname"}]}`, `{}`, "no label"},
		{`{"attributes": [{"name": "city", "label": "two\nlines"}]}`, `{}`, "label"},
		{`{"attributes": [{"name": "city", "type": "text"}]}`, `{}`, "unknown type"},
		{`{"attributes": [{"name": "city", "type": "boolean", "pattern": "x"}]}`, `{}`, "pattern"},
		{`{"attributes": [{"name": "city", "pattern": "("}]}`, `{}`, "RE2"},
		{`{"attributes": [{"name": "city", "pattern": "a)|(b"}]}`, `{}`, "RE2"},
		{`{"attributes": [{"name": "city", "pattern": "` + strings.Repeat("a", 257) + `"}]}`, `{}`, "longer"},
		{`{"attributes": [{"name": "city"}, {"name": "City", "label": "x"}]}`, `{}`, "twice"},
		{`{"attributes": [` + strings.TrimSuffix(strings.Repeat(`{"name": "city"},`, 33), ",") + `]}`, `{}`, "at most"},
		{`{}`, `{"inject": {"headers": [{"name": "X-A", "value": "{http.auth.user.attributes.city}"}]}}`, "no attribute"},
		{`{"attributes": [{"name": "city"}]}`, `{"inject": {"headers": [{"name": "X-A", "value": "{http.auth.user.attributes.City}"}]}}`, "no attribute"},
		{`{}`, `{"inject": {"headers": [{"name": "X-A", "value": "{http.auth.user.attributes.}"}]}}`, "nothing is known"},
		// clients
		{`{}`, `{"native": {}}`, "no client"},
		{`{}`, `{"native": {"clients": [null]}}`, "null"},
		{`{}`, `{"native": {"clients": [{}]}}`, "id"},
		{`{}`, `{"native": {"clients": [{"id": "a b"}]}}`, "id"},
		{`{}`, `{"native": {"clients": [{"id": "` + strings.Repeat("a", 65) + `"}]}}`, "id"},
		{`{}`, `{"native": {"clients": [{"id": "a"}, {"id": "a"}]}}`, "twice"},
		{`{}`, `{"native": {"clients": [{"id": "a", "secret": "x"}]}}`, "secret"},
		{`{}`, `{"native": {"base": "api", "clients": [{"id": "a"}]}}`, "slash"},
		{`{}`, `{"native": {"base": "/.auth", "clients": [{"id": "a"}]}}`, "cannot be at"},
		{`{}`, `{"native": {"base": "/.AUTH/code", "clients": [{"id": "a"}]}}`, "cannot be at"},
		{`{}`, `{"prefix": "/a/b", "native": {"base": "/A", "clients": [{"id": "a"}]}}`, "cannot be at"},
		{`{}`, `{"native": {"clients": [{"id": "a", "name": " "}]}}`, "name"},
		{`{}`, `{"native": {"clients": [{"id": "a", "scopes": [{"name": "email"}]}]}}`, "open to every client"},
		{`{}`, `{"native": {"clients": [{"id": "a"}]}, "sensitivities": {"profile": {"match": [{"path": ["/x"]}]}}, "rules": [{"verb": "deny", "on": ["profile"]}]}`, "rename it"},
		{`{}`, `{"sensitivities": {"all": {"match": [{"path": ["/x"]}, {"path": ["/*"]}]}}, "rules": [{"verb": "deny", "on": ["all"]}]}`, "every request"},
		{`{}`, `{"native": {"clients": [{"id": "a", "scopes": [{"name": "a b"}]}]}}`, "no scope"},
		{`{}`, `{"native": {"clients": [{"id": "a", "scopes": [{"name": "b"}, {"name": "b"}]}]}}`, "twice"},
		{`{}`, `{"native": {"clients": [{"id": "a", "scopes": [{"name": "b", "on": ["money"]}]}]}}`, "no sensitivity"},
		{`{}`, `{"native": {"clients": [{"id": "a", "acrs": [{"name": "c4"}]}]}}`, "demand nothing"},
		{`{}`, `{"native": {"clients": [{"id": "a", "acrs": [{"name": "c4", "on": ["money"]}]}]}}`, "no sensitivity"},
		{`{}`, `{"native": {"clients": [{"id": "a", "acrs": [{"name": "urn:stepgate:acr:1", "on": ["money"]}]}]}}`, "Stepgate's own"},
		{`{}`, `{"native": {"clients": [{"id": "a", "audience": "/x"}]}}`, "audience"},
		{`{}`, `{"native": {"clients": [{"id": "a", "require": [null]}]}}`, "null"},
		{`{}`, `{"native": {"clients": [{"id": "a", "require": [{"proof": "mfa"}]}]}}`, "unknown demand"},
		{`{"sms": null}`, `{"native": {"clients": [{"id": "a", "require": [{"proof": "otp", "channel": "sms"}]}]}}`, "no sender"},
		{`{}`, `{"native": {"clients": [{"id": "a", "cors": ["*"]}]}}`, "strangers"},
		{`{}`, `{"native": {"clients": [{"id": "a", "cors": ["null"]}]}}`, "origin"},
		{`{}`, `{"native": {"clients": [{"id": "a", "cors": ["http://app.example"]}]}}`, "plain http"},
		{`{}`, `{"native": {"clients": [{"id": "a", "cors": ["https://a.example/x"]}]}}`, "says more"},
		{`{}`, `{"native": {"clients": [{"id": "a", "cors": ["https://a.example", "https://A.example/"]}]}}`, "twice"},
		{`{}`, `{"native": {"clients": [{"id": "a", "enumeration": "maybe"}]}}`, "enumeration"},
		{`{}`, `{"native": {"clients": [{"id": "a", "token_life": "59s"}]}}`, "token_life"},
		{`{}`, `{"native": {"clients": [{"id": "a", "token_life": -1}]}}`, "token_life"},
		{`{}`, `{"native": {"clients": [{"id": "a", "session": {"idle": "-1h"}}]}}`, "session idle"},
		{`{}`, `{"native": {"clients": [{"id": "a", "session": {"absolute": "31d"}}]}}`, "session absolute"},
		{`{"session": {"idle": "2h"}}`, `{"native": {"clients": [{"id": "a", "session": {"absolute": "90m"}}]}}`, "must not be less than idle"},
		// the site
		{`{}`, `{"origins": null}`, "no definite address"},
		{`{}`, `{"origins": ["http://app.example.com"]}`, "plain http"},
		{`{}`, `{"origins": ["https://app.example.com"]}`, "inbox"},
		{`{}`, `{"origins": ["http://localhost", "http://LOCALHOST:80/"]}`, "twice"},
		{`{}`, `{"origins": ["{env.STEPGATE_TEST_EMPTY}"]}`, "is empty"},
		{`{}`, `{"prefix": "auth"}`, "slash"},
		{`{}`, `{"prefix": "/"}`, "prefix"},
		{`{}`, `{"prefix": "/a//b"}`, "prefix"},
		{`{}`, `{"prefix": "/%2e%2e"}`, "prefix"},
		{`{}`, `{"authorization": "maybe"}`, "authorization"},
		{`{}`, `{"lenient_paths": ["everything"]}`, "lenient_paths"},
		{`{}`, `{"authorization": "pass", "inject": {"headers": [{"name": "authorization", "value": "x"}]}}`, "Authorization"},
		{`{}`, `{"inject": {"none": true, "id_token": "X-Id-Token"}}`, "none"},
		{`{}`, `{"inject": {"id_token": "x-token", "headers": [{"name": "X-TOKEN", "value": "x"}]}}`, "twice"},
		{`{}`, `{"inject": {"headers": [{"name": "X-A", "value": "a\r\nX-B: b"}]}}`, "one line"},
		{`{}`, `{"inject": {"headers": [{"name": "X-A", "value": ""}]}}`, "no value"},
		{`{}`, `{"inject": {"headers": [{"name": "transfer-encoding", "value": "x"}]}}`, "cannot be injected"},
		{`{}`, `{"inject": {"access_tokens": [{"header": "X-A", "audience": "/relative"}]}}`, "audience"},
		{`{}`, `{"inject": {"access_tokens": [{"header": "X-A"}, {"header": "X-B"}, {"header": "X-C"}, {"header": "X-D"}, {"header": "X-E"}]}}`, "at most"},
		// rules
		{`{}`, `{"rules": [null]}`, "null"},
		{`{}`, `{"rules": [{}]}`, "no verb"},
		{`{}`, `{"rules": [{"verb": "allow"}]}`, "unknown verb"},
		{`{}`, `{"rules": [{"verb": "public"}]}`, "every request"},
		{`{}`, `{"rules": [{"verb": "public", "match": [{}]}]}`, "empty"},
		{`{}`, `{"rules": [{"verb": "public", "match": [{"path": []}]}]}`, "no path"},
		{`{}`, `{"rules": [{"verb": "public", "on": ["*"], "demand": {"proof": "otp"}}]}`, "no demand"},
		{`{}`, `{"rules": [{"verb": "deny", "on": ["nothing"]}]}`, "no sensitivity"},
		{`{}`, `{"rules": [{"verb": "require"}]}`, "asks for nothing"},
		{`{}`, `{"rules": [{"verb": "require", "demand": {}}]}`, "asks for nothing"},
		{`{}`, `{"rules": [{"verb": "require", "demand": {"proof": "sms"}}]}`, "unknown demand"},
		{`{}`, `{"rules": [{"verb": "require", "demand": {"proof": "otp", "channel": "fax"}}]}`, "unknown demand"},
		{`{}`, `{"rules": [{"verb": "require", "demand": {"proof": "session", "channel": "sms"}}]}`, "channel"},
		{`{}`, `{"rules": [{"verb": "require", "demand": {"proof": "otp", "within": -1}}]}`, "within"},
		{`{}`, `{"rules": [{"verb": "require", "demand": {"proof": "otp", "within": "1ms"}}]}`, "within"},
		{`{}`, `{"rules": [{"verb": "require", "demand": {"proof": "otp"}, "match": [{"pth": ["/a"]}]}]}`, "pth"},
		{`{}`, `{"rules": [` + strings.TrimSuffix(strings.Repeat(`{"verb": "deny", "on": ["*"]},`, 257), ",") + `]}`, "more than 256"},
		{`{}`, `{"rules": [{"verb": "public", "on": ["*"], "only": {"groups": ["a"]}}]}`, "names no people"},
		{`{}`, `{"rules": [{"verb": "only"}]}`, "names nobody"},
		{`{}`, `{"rules": [{"verb": "only", "only": {}}]}`, "names nobody"},
		{`{}`, `{"rules": [{"verb": "only", "only": {"groups": [""]}}]}`, "no name for a group"},
		{`{}`, `{"rules": [{"verb": "only", "only": {"groups": ["a,b"]}}]}`, "no name for a group"},
		{`{}`, `{"rules": [{"verb": "only", "only": {"users": ["dana"]}}]}`, "no user"},
		{`{}`, `{"rules": [{"verb": "only", "only": {"domains": ["localhost"]}}]}`, "not a mail domain"},
		{`{}`, `{"rules": [{"verb": "deny", "on": ["*"], "when": {}}]}`, "no condition"},
		{`{}`, `{"rules": [{"verb": "deny", "on": ["*"], "when": {"match": [{}]}}]}`, "empty"},
		{`{}`, `{"rules": [{"verb": "deny", "on": ["*"], "when": {"match": [{"path": []}]}}]}`, "no path"},
		{`{}`, `{"rules": [{"verb": "deny", "on": ["*"], "when": {"match": [{"pth": ["/a"]}]}}]}`, "pth"},
		{`{}`, `{"rules": [{"verb": "deny", "on": ["*"], "when": {"risk": "severe"}}]}`, "unknown risk"},
		{`{}`, `{"rules": [{"verb": "deny", "on": ["*"], "when": {"risk": "none"}}]}`, "always so"},
		{`{}`, `{"rules": [{"verb": "deny", "on": ["*"], "when": {"risk": "low"}}]}`, "never so"},
		{`{}`, `{"risk": {"new_device": "low"}, "rules": [{"verb": "deny", "when": {"risk": "medium"}}]}`, "more than low"},
		{`{}`, `{"risk": {"new_device": "low"}, "rules": [{"verb": "public", "on": ["*"], "when": {"risk": "low"}}]}`, "cannot depend on the risk"},
		{`{}`, `{"rules": [{"verb": "public", "when": {"match": [{"method": ["GET"]}]}}]}`, "every request"},
		{`{}`, `{"rules": [{"verb": "deny", "on": ["*"], "forms": "lose"}]}`, "forms"},
		{`{}`, `{"rules": [{"verb": "deny", "on": ["*"], "name": "two\nlines"}]}`, "one line"},
		{`{}`, `{"rules": [{"verb": "deny", "match": [{"path": ["/.auth/*"]}]}]}`, "own pages"},
		{`{}`, `{"sensitivities": {"own": {"match": [{"path": ["/.auth"]}]}}, "rules": [{"verb": "deny", "on": ["own"]}]}`, "own pages"},
		// risk
		{`{}`, `{"risk": {}}`, "says nothing"},
		{`{}`, `{"risk": {"new_device": "low"}}`, "no rule speaks of the risk"},
		{`{}`, `{"risk": {"missing": "low", "new_device": "low"}}`, "about headers"},
		{`{}`, `{"risk": {"new_device": "none"}}`, "says nothing"},
		{`{}`, `{"risk": {"new_network": "severe"}}`, "unknown risk"},
		{`{}`, `{"risk": {"recent_failures": [{"count": 21, "risk": "low"}]}}`, "1 to 20"},
		{`{}`, `{"risk": {"recent_failures": [{"count": 2, "risk": "high"}, {"count": 3, "risk": "high"}]}}`, "adds nothing"},
		{`{}`, `{"risk": {"session_age": [{"age": "59s", "risk": "low"}]}}`, "session_age"},
		{`{}`, `{"risk": {"session_age": [{"age": "8h", "risk": "low"}, {"age": "8h", "risk": "high"}]}}`, "adds nothing"},
		{`{}`, `{"risk": {"matches": [null]}}`, "null"},
		{`{}`, `{"risk": {"matches": [{"risk": "high"}]}}`, "no requests"},
		{`{}`, `{"risk": {"matches": [{"risk": "none", "match": [{"path": ["/a"]}]}]}}`, "says nothing"},
		{`{}`, `{"risk": {"matches": [{"risk": "high", "match": [{"path": ["/*"]}]}]}}`, "every request"},
		{`{}`, `{"risk": {"matches": [{"risk": "high", "match": [{}]}]}, "rules": [{"verb": "deny", "when": {"risk": "low"}}]}`, "empty"},
		{`{}`, `{"risk": {"matches": [` + strings.TrimSuffix(strings.Repeat(`{"risk": "low", "match": [{"path": ["/a"]}]},`, 33), ",") + `]}}`, "more than 32"},
		{`{}`, `{"risk": {"headers": [null]}}`, "null"},
		{`{}`, `{"risk": {"headers": [{}]}}`, "not a header name"},
		{`{}`, `{"risk": {"headers": [{"name": "X-A"}]}}`, "no band"},
		{`{}`, `{"risk": {"headers": [{"name": "X-A", "numbers": [{"from": 1, "risk": "low"}], "words": [{"word": "a", "risk": "low"}]}]}}`, "as words"},
		{`{}`, `{"risk": {"headers": [{"name": "X-A", "numbers": [{"from": -1, "risk": "low"}]}]}}`, "from 0 on"},
		{`{}`, `{"risk": {"headers": [{"name": "X-A", "numbers": [{"from": 1e18, "risk": "low"}]}]}}`, "from 0 on"},
		{`{}`, `{"risk": {"headers": [{"name": "X-A", "numbers": [{"from": 1, "risk": "severe"}]}]}}`, "unknown risk"},
		{`{}`, `{"risk": {"headers": [{"name": "X-A", "words": [{"word": "a\nb", "risk": "low"}]}]}}`, "no word"},
		{`{}`, `{"risk": {"headers": [{"name": "X-A", "words": [{"word": " a", "risk": "low"}]}]}}`, "no word"},
		{`{}`, `{"risk": {"headers": [{"name": "X-A", "words": [{"word": "a", "risk": "x"}]}]}}`, "unknown risk"},
		{`{}`, `{"risk": {"headers": [{"name": "X-A", "words": [` + strings.TrimSuffix(strings.Repeat(`{"word": "a", "risk": "low"},`, 65), ",") + `]}]}}`, "more than 64"},
		{`{}`, `{"risk": {"headers": [{"name": "X-A", "words": [{"word": "a", "risk": "low"}]}, {"name": "x-a", "words": [{"word": "a", "risk": "low"}]}]}}`, "twice"},
		{`{}`, `{"risk": {"headers": [` + strings.TrimSuffix(strings.Repeat(`{"name": "X-A", "words": [{"word": "a", "risk": "low"}]},`, 17), ",") + `]}}`, "more than 16"},
		{`{}`, `{"risk": {"headers": [{"name": "Cookie", "words": [{"word": "a", "risk": "low"}]}]}}`, "cannot tell the risk"},
		{`{}`, `{"sensitivities": {"admin": {"match": [{"path": ["/a"]}]}}}`, "no rule speaks"},
		{`{}`, `{"sensitivities": {"admin": null}}`, "null"},
		{`{}`, `{"sensitivities": {"*": {"match": [{"path": ["/a"]}]}}, "rules": [{"verb": "deny", "on": ["*"]}]}`, "cannot name"},
		{`{}`, `{"sensitivities": {"admin": {}}, "rules": [{"verb": "deny", "on": ["admin"]}]}`, "no requests"},
		{`{}`, `{"sensitivities": {"admin": {"match": [{}]}}, "rules": [{"verb": "deny", "on": ["admin"]}]}`, "empty"},
		{`{"sms": null}`, `{"rules": [{"verb": "require", "demand": {"proof": "otp", "channel": "sms"}}]}`, "no sender"},
		{`{"sign_in": ["email_code"]}`, `{"rules": [{"verb": "require", "demand": {"proof": "password"}}]}`, "sign_in"},
		{`{"sms": null, "sign_in": ["email_code"]}`, `{"rules": [{"verb": "require", "demand": {"proof": "otp"}}]}`, "only mail"},
	} {
		_, err := startSite(t, jsonConfig(t, row.app, row.handler))
		switch {
		case err == nil:
			t.Errorf("accepted: app %s, handler %s", row.app, row.handler)
		case !strings.Contains(err.Error(), row.want):
			t.Errorf("app %s, handler %s: the error does not say %q: %v", row.app, row.handler, row.want, err)
		}
	}
}

func TestTwoHandlersWithDifferentSettingsCannotShareAnOrigin(t *testing.T) {
	t.Parallel()
	config := func(second string) []byte {
		return []byte(`{"apps": {
			"stepgate": {"store": {"module": "memory"}, "email": [{"module": "inbox"}]},
			"http": {"servers": {
				"srv0": {"listen": [":8080"], "routes": [{"handle": [{"handler": "stepgate", "origins": ["http://localhost:8080"]}]}]},
				"srv1": {"listen": [":8081"], "routes": [{"handle": [{"handler": "stepgate", "origins": ["http://localhost:8080"]` + second + `}]}]}
			}}
		}}`)
	}
	if _, err := startSite(t, config("")); err != nil {
		t.Errorf("the same site at two addresses: %v", err)
	}
	_, err := startSite(t, config(`, "rules": [{"verb": "public", "on": ["*"]}]`))
	if err == nil || !strings.Contains(err.Error(), "different settings") {
		t.Errorf("two sites with one origin: %v", err)
	}
}

func TestNoErrorOfTheConfigurationShowsASecret(t *testing.T) {
	t.Parallel()
	const secret = "hunter2hunter2"
	for _, app := range []string{
		`{"secret": "` + secret + `"}`,
		`{"email": [{"module": "smtp", "address": "mail.example.com:25", "from": "a@example.com", "username": "u", "password": "` + secret + `", "tls": "none"}]}`,
		`{"sms": [{"module": "vonage", "api_key": "short", "api_secret": "` + secret + `", "from": "Example", "countries": ["DE"]}]}`,
	} {
		_, err := startSite(t, jsonConfig(t, app, `{}`))
		if err == nil {
			t.Fatalf("accepted: %s", app)
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("shown: %v", err)
		}
	}
}
