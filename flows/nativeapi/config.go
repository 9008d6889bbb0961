package nativeapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/token"
	"github.com/stepgate/stepgate/policy"
)

// Client is an application that may use the API. It is a public client: it has no
// secret.
type Client struct {
	flows.Client
	// Scopes are what it may ask for besides openid, profile, email and offline_access;
	// Contexts the authentication contexts (values of the acrs claim) that it may demand.
	// None is empty or has spaces.
	Scopes, Contexts []string
	// Audience of its access tokens. Never empty.
	Audience string
	// Origins are the web origins from which scripts may call, besides the site's own.
	Origins []string
	// TokenLife is how long its access tokens live. Default: 15 minutes.
	TokenLife time.Duration
}

// Engine is what the face needs of package flows.
type Engine interface {
	Start(context.Context, flows.Caller, flows.Kind, flows.Target, flows.Input) (flows.View, error)
	Look(context.Context, flows.Caller, string) (flows.View, error)
	Submit(context.Context, flows.Caller, string, flows.Input) (flows.View, error)
	Refresh(context.Context, flows.Caller, string) (*flows.Opened, error)
}

// Sealer encrypts continuation tokens. seal.Keys is one.
type Sealer interface {
	Seal(label string, plain []byte, aad string) ([]byte, error)
	Open(label string, sealed []byte, aad string) ([]byte, error)
}

// Minter makes the tokens. *token.Minter is one.
type Minter interface {
	MintClient(token.Subject, token.ClientTokens, time.Time) (*token.ClientBundle, error)
}

// Config is what the face of one site is made of. All fields are required.
type Config struct {
	Site    *flows.Site
	Base    string // path of the API, such as /.auth/native
	Tenant  string // the tid claim and utid of client_info
	Clients []Client

	// Engine, Sealer and Minter are asked for with each request: what they stand on may
	// not be open. An error of theirs is answered as a fault of the server.
	Engine func() (Engine, error)
	Sealer func() (Sealer, error)
	Minter func() (Minter, error)
	// Demand is what tokens for these scopes and contexts must prove, for this client
	// and this request, and for whom they would be ([flows.Evaluate]). All scopes and
	// contexts are known: the face has checked. Before the first token call of a flow there
	// are none.
	Demand func(r *http.Request, who *flows.Session, client string, scopes, contexts []string) (policy.Demand, error)
	// Network is the client network of a request, such as 198.51.100.0/24; may be empty.
	Network func(*http.Request) string
	Now     func() time.Time
	Log     *slog.Logger
}
