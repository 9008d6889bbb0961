package nativeapi

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The description that is published, as far as it is compared with the handlers.
type openAPI struct {
	Paths map[string]map[string]struct {
		Request struct {
			Content map[string]struct{ Schema bodySchema } `json:"content"`
		} `json:"requestBody"`
		Responses map[string]struct {
			Ref     string                                 `json:"$ref"`
			Content map[string]struct{ Schema bodySchema } `json:"content"`
		} `json:"responses"`
	} `json:"paths"`
	Components struct {
		Schemas map[string]bodySchema `json:"schemas"`
	} `json:"components"`
}

type bodySchema struct {
	Ref        string                `json:"$ref"`
	OneOf      []bodySchema          `json:"oneOf"`
	Required   []string              `json:"required"`
	Properties map[string]bodySchema `json:"properties"`
	Enum       []string              `json:"enum"`
	Const      string                `json:"const"`
}

func (s bodySchema) options() []bodySchema {
	if s.OneOf != nil {
		return s.OneOf
	}
	return []bodySchema{s}
}

func readOpenAPI(t *testing.T) openAPI {
	t.Helper()
	data, err := os.ReadFile("../../docs/native-api.openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc openAPI
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func sorted(words []string) []string { return slices.Compact(slices.Sorted(slices.Values(words))) }

func same(t *testing.T, what string, written, built []string) {
	t.Helper()
	if w, b := sorted(written), sorted(built); !slices.Equal(w, b) {
		t.Errorf("%s: the description says %v, the handlers %v", what, w, b)
	}
}

func TestThePublishedDescriptionHasEveryEndpoint(t *testing.T) {
	t.Parallel()
	doc := readOpenAPI(t)
	var built []string
	for _, e := range Endpoints() {
		built = append(built, e.Path)
		operations := doc.Paths[e.Path]
		if len(operations) != 1 || operations["post"].Responses == nil {
			t.Errorf("%s: every endpoint takes POST and nothing else", e.Path)
		}
	}
	same(t, "paths", slices.Collect(maps.Keys(doc.Paths)), built)
	if len(built) != 15 {
		t.Errorf("there are %d endpoints", len(built))
	}
}

func TestThePublishedDescriptionHasEveryParameter(t *testing.T) {
	t.Parallel()
	doc := readOpenAPI(t)
	for _, e := range Endpoints() {
		content := doc.Paths[e.Path]["post"].Request.Content
		if len(content) != 1 {
			t.Fatalf("%s: %d kinds of body", e.Path, len(content))
		}
		byGrant := map[string]bodySchema{}
		for _, s := range content["application/x-www-form-urlencoded"].Schema.options() {
			byGrant[s.Properties["grant_type"].Const] = s
		}
		grants := map[string]bool{}
		for _, a := range e.Actions {
			grants[a.Grant] = true
			s := byGrant[a.Grant]
			same(t, e.Path+" "+a.Grant+" required", s.Required, a.Required)
			same(t, e.Path+" "+a.Grant+" all", slices.Collect(maps.Keys(s.Properties)), slices.Concat(a.Required, a.Optional))
		}
		same(t, e.Path+" grants", slices.Collect(maps.Keys(byGrant)), slices.Collect(maps.Keys(grants)))
	}
}

// answers are the types that the handlers send, by the names of the description.
var answers = map[string][]any{
	"Token": {tokenAnswer{}}, "Challenge": {challengeAnswer{}}, "Redirect": {redirectAnswer{}},
	"Method": {method{}}, "Methods": {methodsAnswer{}}, "Verified": {verifiedAnswer{}},
	"Submitted": {submittedAnswer{}}, "Poll": {pollAnswer{}}, "Tokens": {tokensAnswer{}},
	"Problem": {problemBody{}}, "RequiredAttribute": {requiredAttribute{}}, "InvalidAttribute": {invalidAttribute{}},
}

func TestThePublishedDescriptionHasEveryMemberOfAnAnswer(t *testing.T) {
	t.Parallel()
	schemas := readOpenAPI(t).Components.Schemas
	for name, types := range answers {
		required, all := members(types[0])
		same(t, name+" required", schemas[name].Required, required)
		same(t, name+" all", slices.Collect(maps.Keys(schemas[name].Properties)), all)
	}
	// One type for two answers: with a masked label, or with the target as it was given.
	required, all := members(codeAnswer{})
	for name, label := range map[string]string{"Code": "challenge_target_label", "RegistrationCode": "challenge_target"} {
		want := append(slices.Clone(required), label)
		same(t, name+" required", schemas[name].Required, want)
		same(t, name+" all", slices.Collect(maps.Keys(schemas[name].Properties)), want)
		if !slices.Contains(all, label) {
			t.Errorf("no answer has %s", label)
		}
	}
	if len(schemas) != len(answers)+2 {
		t.Errorf("%d schemas are described, %d are known", len(schemas), len(answers)+2)
	}
}

func members(v any) (required, all []string) {
	for i := range reflect.TypeOf(v).NumField() {
		name, options, _ := strings.Cut(reflect.TypeOf(v).Field(i).Tag.Get("json"), ",")
		all = append(all, name)
		if options != "omitempty" {
			required = append(required, name)
		}
	}
	return required, all
}

// The errors are written as literals in this package, in a few forms only.
func TestThePublishedDescriptionHasEveryError(t *testing.T) {
	t.Parallel()
	kinds, subs := []string{"invalid_request"}, []string{}
	forms := regexp.MustCompile(`(?:newProblem\(|flows\.\w+:\s+\{)"(\w*)", ("?)(\w*)"?, `)
	for _, file := range goFiles(t) {
		for _, m := range forms.FindAllStringSubmatch(file, -1) {
			kinds = append(kinds, m[1])
			if m[2] != "" && m[3] != "" {
				subs = append(subs, m[3])
			}
		}
		for _, m := range regexp.MustCompile(`Suberror = "(\w+)"|, "(\w+_required)", \w+Required,`).FindAllStringSubmatch(file, -1) {
			subs = append(subs, m[1]+m[2])
		}
	}
	problem := readOpenAPI(t).Components.Schemas["Problem"]
	same(t, "errors", problem.Properties["error"].Enum, kinds)
	same(t, "suberrors", problem.Properties["suberror"].Enum, subs)
}

func goFiles(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, string(data))
		}
	}
	return files
}
