package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// plain is a codec for messages that are bytes already.
type plain struct{}

func (plain) Name() string                  { return "plain" }
func (plain) Marshal(v any) ([]byte, error) { return []byte(*v.(*string)), nil }
func (plain) Unmarshal(data []byte, v any) error {
	*v.(*string) = string(data)
	return nil
}

// ledger is a gRPC application that answers each message as it comes, and ends with a
// status and a trailer.
func ledger(t testing.TB, calls chan<- metadata.MD) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(plain{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		header, _ := metadata.FromIncomingContext(stream.Context())
		calls <- header
		for n := 0; ; n++ {
			var message string
			err := stream.RecvMsg(&message)
			if errors.Is(err, io.EOF) {
				stream.SetTrailer(metadata.Pairs("x-entries", fmt.Sprint(n)))
				return status.Error(codes.ResourceExhausted, "that is all")
			}
			if err != nil {
				return err
			}
			answer := "booked " + message
			if err := stream.SendMsg(&answer); err != nil {
				return err
			}
		}
	}))
	go func() { _ = server.Serve(listener) }() // ends with Stop
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// follow opens a stream at the site.
func (s *liveSite) follow(t testing.TB, header metadata.MD) grpc.ClientStream {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///localhost", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.addr)
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(t.Context(), header), patience)
	t.Cleanup(cancel)
	both := &grpc.StreamDesc{StreamName: "Follow", ServerStreams: true, ClientStreams: true}
	stream, err := conn.NewStream(ctx, both, "/bank.Ledger/Follow", grpc.ForceCodec(plain{}))
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestAGRPCStreamGoesBothWaysAndEndsWithItsStatus(t *testing.T) {
	t.Parallel()
	calls := make(chan metadata.MD, 8)
	s := newLiveSite(t, proxied("h2c://"+ledger(t, calls)))

	var answer string
	err := s.follow(t, nil).RecvMsg(&answer)
	if status.Code(err) != codes.Unauthenticated || len(calls) != 0 {
		t.Fatalf("without a session: %v, and %d calls arrived", err, len(calls))
	}
	stream := s.follow(t, metadata.Pairs("cookie", s.signIn(t, dana).String(), "x-id-token", "forged", "x-request", "7"))
	for _, entry := range []string{"one", "two", ""} { // each is answered before the next is sent
		if err := stream.SendMsg(&entry); err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(&answer); err != nil || answer != "booked "+entry {
			t.Fatalf("%q was answered %q, %v", entry, answer, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(&answer); status.Code(err) != codes.ResourceExhausted || status.Convert(err).Message() != "that is all" {
		t.Errorf("the stream ended with %v", err)
	}
	if got := stream.Trailer()["x-entries"]; len(got) != 1 || got[0] != "3" {
		t.Errorf("trailer %v", stream.Trailer())
	}
	seen := make(http.Header)
	for name, values := range await(t, calls, "the call") {
		for _, value := range values {
			seen.Add(name, value)
		}
	}
	checkIdentity(t, seen, "")
	if seen.Get("X-Request") != "7" {
		t.Errorf("the application saw %v", seen)
	}
}
