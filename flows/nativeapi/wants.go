package nativeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stepgate/stepgate/flows/token"
)

// offlineAccess is the scope that asks for a refresh token. There always is one, so it
// is granted and not named in answers.
const offlineAccess = "offline_access"

// basicScopes may be asked for by every client. defaultScopes is what a client asks for
// that does not say.
var (
	basicScopes   = []string{"openid", "profile", "email", offlineAccess}
	defaultScopes = []string{"openid", "profile", offlineAccess}
)

// wanted reads what a token call asks for. Scopes that are not named are those of the
// last call; contexts add up, since SDKs name them once in a flow.
func (c *call) wanted() *problem {
	switch scopes := strings.Fields(c.form["scope"]); {
	case len(scopes) > 0:
		for _, scope := range scopes {
			if !slices.Contains(basicScopes, scope) && !slices.Contains(c.client.Scopes, scope) {
				return newProblem("invalid_scope", "", codeScope, fmt.Sprintf("The scope %.64q is not one of this client.", scope))
			}
		}
		c.at.Scopes = union(nil, scopes)
	case c.at.Scopes == nil:
		c.at.Scopes = defaultScopes
	}
	contexts, err := readClaims(c.form["claims"])
	if err != nil {
		return invalid(codeMalformed, "The parameter 'claims' cannot be read: "+err.Error()+".")
	}
	for _, context := range contexts {
		if !slices.Contains(c.client.Contexts, context) {
			return invalid(codeMalformed, fmt.Sprintf("The authentication context %.64q is not one of this client.", context))
		}
	}
	c.at.Contexts = union(c.at.Contexts, contexts)
	if err := (token.ClientTokens{Scope: granted(c.at.Scopes), ACRs: c.at.Contexts}).Check(); err != nil {
		return newProblem("invalid_scope", "", codeScope, "The request asks for too much at once: "+err.Error()+".")
	}
	return nil
}

// granted is the scope of the tokens. Echoing what was asked for lets SDKs find their
// cached tokens again.
func granted(asked []string) []string {
	scopes := slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return s == offlineAccess })
	if len(scopes) == 0 {
		return []string{"openid"} // there always is an ID token
	}
	return scopes
}

// readClaims finds the authentication contexts that a claims parameter demands (OpenID
// Connect Core 1.0, section 5.5): those of the acrs claim of the access token. All of
// them are demanded, essential or not, so that a token never says more than was asked;
// other claims are not looked at.
func readClaims(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	var request map[string]json.RawMessage
	if err := decoder.Decode(&request); err != nil || request == nil {
		return nil, errors.New("it is not a JSON object")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after the JSON object")
	}
	var access map[string]json.RawMessage
	if part := request["access_token"]; part != nil && json.Unmarshal(part, &access) != nil {
		return nil, errors.New("access_token is not a JSON object")
	}
	var acrs *struct {
		Value  *string  `json:"value"`
		Values []string `json:"values"`
	}
	if part := access["acrs"]; part != nil && json.Unmarshal(part, &acrs) != nil {
		return nil, errors.New("acrs is not a claim with text as its value or values")
	}
	if acrs == nil {
		return nil, nil
	}
	contexts := acrs.Values
	if acrs.Value != nil {
		contexts = append(contexts, *acrs.Value)
	}
	return contexts, nil
}
